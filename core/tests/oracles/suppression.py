# Owns the oracle of core::privacy: the fewest cells that must be hidden, by another solver and another program.
"""Writes suppression.tsv: tables, and the fewest further cells that any safe pattern hides.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scipy==1.17.1
    /tmp/oracles/bin/python core/tests/oracles/suppression.py > core/tests/oracles/suppression.tsv

A line is: shape, k, numbers of the cells (JSON), relations (JSON, [total, parts], counted from 0), fewest further cells.
The program is one integer program for HiGHS with a deviation of the whole table for each small cell (real numbers) and one
variable for each cell that may be hidden. tally_core never builds that program: it finds cuts. Tables that HiGHS does not solve within
its time are left out.
"""
import itertools
import json
import random
import sys

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

K = 10
SECONDS = 60
# How far a cell may grow, in people.
FAR = 200.0


def flat(n):
    return list(range(n + 1)), [(n, list(range(n)))], list(range(n))


def tree(groups):
    relations, leaves, tops, i = [], [], [], 0
    for n in groups:
        own = list(range(i, i + n))
        leaves += own
        i += n
        if n > 1:
            relations.append((i, own))
            tops.append(i)
            i += 1
        else:
            tops += own
    relations.append((i, tops))
    return list(range(i + 1)), relations, leaves


def table(dimensions, number):
    """All cells over the nodes of the dimensions, and each total with its parts, along one dimension at a time."""
    at = {cell: i for i, cell in enumerate(itertools.product(*[d[0] for d in dimensions]))}
    value = {cell: number() for cell in itertools.product(*[d[2] for d in dimensions])}
    relations = []
    for axis, (_, totals, _) in enumerate(dimensions):
        for total, parts in totals:
            for cell in itertools.product(*[d[0] if a != axis else [total] for a, d in enumerate(dimensions)]):
                below = [cell[:axis] + (part,) + cell[axis + 1:] for part in parts]
                if all(b in value for b in below):
                    value[cell] = sum(value[b] for b in below)
                relations.append((at[cell], [at[b] for b in below]))
    return [value[cell] for cell in at], relations


def fewest(people, relations):
    small = [c for c, n in enumerate(people) if 0 < n < K]
    others = [c for c, n in enumerate(people) if n >= K]
    open_ = [c for c, n in enumerate(people) if n > 0]
    chosen, place = {c: i for i, c in enumerate(others)}, {c: i for i, c in enumerate(open_)}
    width = 2 * len(open_)
    count = len(others) + width * len(small)
    high, rows, low_side, high_side = np.ones(count), [], [], []

    def row(terms, low, up):
        rows.append(terms)
        low_side.append(low)
        high_side.append(up)

    for n, goal in enumerate(small):
        base = len(others) + width * n
        up, down = (lambda c: base + 2 * place[c]), (lambda c: base + 2 * place[c] + 1)
        for c in open_:
            high[up(c)], high[down(c)] = FAR, min(FAR, people[c] - 1)
            if c in chosen:
                row([(up(c), 1), (chosen[c], -high[up(c)])], -np.inf, 0)
                row([(down(c), 1), (chosen[c], -high[down(c)])], -np.inf, 0)
        high[down(goal)] = 0
        row([(up(goal), 1)], K - people[goal], K - people[goal])
        for total, parts in relations:
            terms = [(v, s) for c, s in [(total, 1)] + [(p, -1) for p in parts] if c in place for v, s in [(up(c), s), (down(c), -s)]]
            row(terms, 0, 0)
    entries = [(i, v, s) for i, terms in enumerate(rows) for v, s in terms]
    i, v, s = zip(*entries)
    kinds, costs = np.zeros(count), np.zeros(count)
    kinds[: len(others)] = costs[: len(others)] = 1
    found = milp(costs, constraints=LinearConstraint(csr_matrix((s, (i, v)), shape=(len(rows), count)), low_side, high_side), integrality=kinds,
                 bounds=Bounds(np.zeros(count), high), options={"time_limit": SECONDS})
    return round(found.fun) if found.status == 0 else None


def main():
    dice = random.Random(20261127)
    kinds = [
        lambda: 0 if dice.random() < 0.1 else dice.randint(1, 12) if dice.random() < 0.2 else dice.randint(10, 210),
        lambda: 0 if dice.random() < 0.3 else int(dice.lognormvariate(2.5, 1.3)),
        lambda: dice.randint(1, 9) if dice.random() < 0.06 else dice.randint(10, 60),
        lambda: 0 if dice.random() < 0.15 else dice.randint(1, 20),
        lambda: dice.randint(7, 14),
        lambda: dice.randint(1, 9) if dice.random() < 0.12 else dice.randint(10, 1000),
    ]
    few, some = (lambda: dice.randint(2, 4)), (lambda: dice.randint(5, 12))
    groups = lambda most: [dice.randint(1, most) for _ in range(dice.randint(2, most))]
    shapes = [
        ("line", 30, 12, lambda: [flat(dice.randint(3, 30))]), ("flat x flat", 30, 20, lambda: [flat(few()), flat(few())]),
        ("cube", 48, 20, lambda: [flat(2), flat(2), flat(few())]), ("tree x tree", 60, 12, lambda: [tree(groups(3)), tree(groups(3))]),
        ("four", 81, 6, lambda: [flat(2), flat(2), flat(2), flat(2)]), ("large flat x flat", 200, 12, lambda: [flat(some()), flat(some())]),
        ("large tree x flat", 200, 14, lambda: [tree(groups(5)), flat(few() * 2)]), ("large cube", 200, 8, lambda: [flat(few()), flat(few()), flat(few())]),
        ("large tree x flat x flat", 200, 6, lambda: [tree(groups(3)), flat(2), flat(few())]),
    ]
    for name, most, wanted, dimensions in shapes:
        while wanted:
            people, relations = table(dimensions(), dice.choice(kinds))
            small = sum(0 < n < K for n in people)
            # Without a small cell there is nothing to find; with very many HiGHS does not end.
            if len(people) > most or not 0 < small <= 14:
                continue
            least = fewest(people, relations)
            if least is not None:
                print(name, K, json.dumps(people), json.dumps(relations), least, sep="\t", flush=True)
            wanted -= 1
            print(name, len(people), small, least, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
