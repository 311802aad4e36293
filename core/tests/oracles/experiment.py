# Owns the oracle of core::experiment: other people's programs and 40-digit arithmetic.
"""Writes experiment.tsv: what tally_core::experiment must answer, by other people's programs and by 40-digit arithmetic.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scipy==1.17.1 statsmodels==0.15.0 gbstats==0.8.0 mpmath==1.4.1
    /tmp/oracles/bin/python core/tests/oracles/experiment.py > core/tests/oracles/experiment.tsv

A line is: function, arguments (JSON), expected numbers (JSON), program. The program is "mpmath" where no library keeps
1e-9, and "mpmath = scipy" (or another) where it agrees with 40 digits to 1e-9. Nothing here was copied from tally_core.
exact.py has the arithmetic.
"""
import json
import warnings

import numpy as np
import scipy.stats as st
from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import (ProportionStatistic, QuantileClusteredStatistic, RatioStatistic,
                                       RegressionAdjustedStatistic, SampleMeanStatistic)
from gbstats.utils import check_srm
from mpmath import exp, inf, log, mp, mpf, sqrt
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from exact import chi_tail, fisher, fisher_large, n_tail, noncentral, t_quantile, t_tail, two_sided, wilson

warnings.simplefilter("ignore")
mp.dps = 40
rng = np.random.default_rng(20260101)


def emit(name, args, want, peers=None):
    """want: mpf or list; peers: {program: floats}. A program that agrees to 1e-9 is named."""
    want = want if isinstance(want, list) else [want]
    names = ["mpmath"]
    for program, values in (peers or {}).items():
        values = values if isinstance(values, list) else [values]
        if all(abs(mpf(float(v)) - w) <= mpf("1e-9") * abs(w) for v, w in zip(values, want)):
            names.append(program)
    digits = [mp.nstr(w, 20, min_fixed=1, max_fixed=0) if w is not None else None for w in want]
    print(name, json.dumps(args), "[" + ",".join(d if d is not None else "null" for d in digits) + "]", " = ".join(names), sep="\t")


# --- distributions -----------------------------------------------------------------------------------------------------
DFS = [1, 2, 3, 5, 10, 29.5, 100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
for df in DFS:
    for t in [1e-6, 0.1, 1, 1.959963984540054, 3, 6.5, 12, 25, 37]:
        emit("student_two_sided", [t, df], 2 * t_tail(t, df), {"scipy": 2 * st.t.sf(t, df)})
    for tail in [0.4, 0.05, 0.025, 0.005, 1e-6, 1e-12, 1e-50, 1e-300]:
        emit("student_upper_quantile", [tail, df], t_quantile(tail, df), {"scipy": st.t.isf(tail, df)})
# p = 1e-300 by few degrees of freedom needs a large t.
for df, t in [(1, 1e300), (2, 1e150), (5, 1e60), (29.5, 1e11)]:
    emit("student_two_sided", [t, df], 2 * t_tail(t, df), {"scipy": 2 * st.t.sf(t, df)})
for z in [0, 1e-9, 0.5, 1.6448536269514722, 5, 10, 20, 30, 37, -0.5, -3, -9]:
    emit("normal_tail", [z], n_tail(z), {"scipy": st.norm.sf(z)})
for tail in [0.499, 0.3, 0.025, 1e-3, 1e-9, 1e-20, 1e-100, 1e-200, 1e-300]:
    emit("normal_upper_quantile", [tail], t_quantile(tail, inf), {"scipy": st.norm.isf(tail)})
for df in [1, 2, 3, 4, 9, 99, 1000, 1e5, 1e7, 1e9]:
    for z in [-4, -1, 0, 1, 4, 10, 25]:
        x = max(df + z * (2 * df) ** 0.5, df * 0.01)
        emit("chi_square_tail", [x, df], chi_tail(x, df), {"scipy": st.chi2.sf(x, df)})
emit("chi_square_tail", [1373.0, 1], chi_tail(1373.0, 1), {"scipy": st.chi2.sf(1373.0, 1)})


# --- means: Welch, absolute and relative, sequential -------------------------------------------------------------------
def sequential(effect, se, n, alpha=mpf("0.05"), planned=5000):
    alpha = mpf(alpha)
    rho2 = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned
    half = se * sqrt(mpf(n)) * sqrt(2 * (n * rho2 + 1) * log(sqrt(n * rho2 + 1) / alpha) / (n * n * rho2))
    p = sqrt(n * rho2 + 1) / exp(rho2 * n * effect**2 / se**2 / (2 * (n * rho2 + 1)))
    return [min(p, mpf(1)), effect - half, effect + half]


def df_of(va, na, vb, nb):
    return (va + vb) ** 2 / (va**2 / (na - 1) + vb**2 / (nb - 1))


def answer(effect, variance, df, n, alpha=0.05):
    """effect, standard error, df, p, low, high, sequential p, low, high"""
    se = sqrt(variance)
    half = t_quantile(mpf(alpha) / 2, df) * se
    return [effect, se, df, two_sided(effect / se, df), effect - half, effect + half] + sequential(effect, se, n, alpha)


def gb(stat_a, stat_b, kind):
    try:
        return gb_numbers(stat_a, stat_b, kind)
    except ZeroDivisionError:
        # Its sums of squares have cancelled.
        return [float("nan")] * 9


def gb_numbers(stat_a, stat_b, kind):
    r = TwoSidedTTest(stat_a, stat_b, FrequentistConfig(difference_type=kind)).compute_result()
    s = SequentialTwoSidedTTest(stat_a, stat_b, SequentialConfig(difference_type=kind)).compute_result()
    t = TwoSidedTTest(stat_a, stat_b, FrequentistConfig(difference_type=kind))
    return [r.expected, r.uplift.stddev, t.dof, r.p_value, r.ci[0], r.ci[1], s.p_value, s.ci[0], s.ci[1]]


def sums(n, mean, var):
    return SampleMeanStatistic(n=int(n), sum=n * mean, sum_squares=var * (n - 1) + n * mean * mean)


def means(na, ma, va, nb, mb, vb):
    a, b, ua, ub, NA, NB = map(mpf, (ma, mb, va, vb, na, nb))
    df = df_of(ua / NA, NA, ub / NB, NB)
    w = st.ttest_ind_from_stats(mb, vb**0.5, nb, ma, va**0.5, na, equal_var=False)
    emit("means", [na, ma, va, nb, mb, vb, False], answer(b - a, ua / NA + ub / NB, df, NA + NB),
         {"gbstats": gb(sums(na, ma, va), sums(nb, mb, vb), "absolute")})
    emit("means_p", [na, ma, va, nb, mb, vb], two_sided((b - a) / sqrt(ua / NA + ub / NB), df), {"scipy": w.pvalue})
    if ma != 0:
        emit("means", [na, ma, va, nb, mb, vb, True],
             answer((b - a) / a, ub / NB / a**2 + ua / NA * b**2 / a**4, df, NA + NB),
             {"gbstats": gb(sums(na, ma, va), sums(nb, mb, vb), "relative")})


means(1000, 10.0, 4.0, 1000, 10.25, 4.5)
means(2, 1.0, 2.0, 2, 3.0, 0.5)
means(2, 1.0, 2.0, 1000000000, 3.0, 0.5)
means(1000000000, 5.0, 100.0, 1000000000, 5.001, 101.0)
means(500000000, 5.0, 100.0, 1000000000, 5.025, 101.0)
means(523, -3.0, 12.0, 611, -2.5, 7.0)
means(151, 0.0, 12.0, 149, 0.5, 7.0)
means(300, 1e-8, 1e-16, 200, 1.1e-8, 3e-16)
means(300, 1e9, 1e4, 200, 1e9 + 25, 2e4)
means(40, 7.0, 0.0, 35, 7.5, 3.0)
means(10000, 2.0, 1.0, 12000, 2.5, 1.0)
for _ in range(12):
    na, nb = [int(10 ** rng.uniform(0.5, 7)) + 2 for _ in range(2)]
    m, s = 10 ** rng.uniform(-3, 3), 10 ** rng.uniform(-1, 1)
    va, vb = float((m * s) ** 2), float((m * s * rng.uniform(0.5, 2)) ** 2)
    means(na, m, va, nb, float(m + rng.normal() * 3 * (va / na + vb / nb) ** 0.5), vb)


# --- ratios ------------------------------------------------------------------------------------------------------------
def raw(n, mean, cov):
    """Sums and products for gbstats out of means and covariances."""
    return [n * m for m in mean], [[cov[i][j] * (n - 1) + n * mean[i] * mean[j] for j in range(len(mean))] for i in range(len(mean))]


def ratio_stat(n, mean, cov):
    s, p = raw(n, mean, cov)
    return RatioStatistic(n=n, m_statistic=SampleMeanStatistic(n=n, sum=s[0], sum_squares=p[0][0]),
                          d_statistic=SampleMeanStatistic(n=n, sum=s[1], sum_squares=p[1][1]), m_d_sum_of_products=p[0][1])


def ratio_parts(n, mean, cov):
    m, d, vm, vd, c = map(mpf, (mean[0], mean[1], cov[0][0], cov[1][1], cov[0][1]))
    r = m / d
    return r, (vm - 2 * r * c + r * r * vd) / (n * d * d)


def ratios(na, ma, ca, nb, mb, cb):
    (a, va), (b, vb) = ratio_parts(na, ma, ca), ratio_parts(nb, mb, cb)
    df, n = df_of(va, na, vb, nb), mpf(na + nb)
    for kind, effect, variance in [("absolute", b - a, va + vb), ("relative", (b - a) / a, vb / a**2 + va * b**2 / a**4)]:
        emit("ratios", [na, ma, ca, nb, mb, cb, kind == "relative"], answer(effect, variance, df, n),
             {"gbstats": gb(ratio_stat(na, ma, ca), ratio_stat(nb, mb, cb), kind)})


def random_cov(k, scale):
    x = rng.normal(size=(k, k))
    return (x @ x.T * scale).tolist()


ratios(1000, [3.0, 10.0], [[4.0, 5.0], [5.0, 30.0]], 1100, [3.3, 10.2], [[4.5, 5.5], [5.5, 29.0]])
ratios(2, [3.0, 10.0], [[4.0, 0.0], [0.0, 30.0]], 2, [3.3, 10.2], [[4.5, -1.0], [-1.0, 29.0]])
for _ in range(6):
    k = int(10 ** rng.uniform(2, 6))
    ratios(k, [float(rng.uniform(1, 5)), float(rng.uniform(2, 9))], random_cov(2, 1.0), k + 17,
           [float(rng.uniform(1, 5)), float(rng.uniform(2, 9))], random_cov(2, 1.2))
ratios(1000, [3.0, -10.0], [[4.0, 5.0], [5.0, 30.0]], 1100, [3.3, -10.2], [[4.5, 5.5], [5.5, 29.0]])
# Great sums that vary little: the quotients differ in their eleventh digit.
ratios(500, [1e9, 1e9], [[1e-3, 5e-4], [5e-4, 1e-3]], 500, [1e9 + 0.01, 1e9], [[1e-3, 4e-4], [4e-4, 1e-3]])
ratios(700, [1e9, -1e9], [[1e-3, 5e-4], [5e-4, 1e-3]], 500, [1e9 + 0.01, -1e9 + 0.04], [[1e-3, 4e-4], [4e-4, 2e-3]])


# --- CUPED: variables y, x; and m, d, x, e for ratios -----------------------------------------------------------------
def mat(c):
    return [[mpf(v) for v in row] for row in c]


def form(v, c, w):
    return sum(v[i] * w[j] * c[i][j] for i in range(len(v)) for j in range(len(v)))


def pooled(na, ma, ca, nb, mb, cb):
    k = len(ma)
    n = mpf(na + nb)
    d = [mpf(mb[i]) - mpf(ma[i]) for i in range(k)]
    mean = [(na * mpf(ma[i]) + nb * mpf(mb[i])) / n for i in range(k)]
    cov = [[((na - 1) * mpf(ca[i][j]) + (nb - 1) * mpf(cb[i][j]) + d[i] * d[j] * na * nb / n) / (n - 1) for j in range(k)]
           for i in range(k)]
    return mean, cov


def cuped(name, value, covariate, na, ma, ca, nb, mb, cb, peers):
    """value, covariate: functions mean -> (number, gradient). The variance by the plain delta method on all variables."""
    pm, pc = pooled(na, ma, ca, nb, mb, cb)
    theta = form(value(pm)[1], pc, covariate(pm)[1]) / form(covariate(pm)[1], pc, covariate(pm)[1])
    A, B = [mpf(m) for m in ma], [mpf(m) for m in mb]
    (va, ga), (xa, ha), (vb, gbr), (xb, hb) = value(A), covariate(A), value(B), covariate(B)
    adj_a = [g - theta * h for g, h in zip(ga, ha)]
    adj_b = [g - theta * h for g, h in zip(gbr, hb)]
    s_a, s_b = form(adj_a, mat(ca), adj_a) / na, form(adj_b, mat(cb), adj_b) / nb
    df, n = df_of(s_a, na, s_b, nb), mpf(na + nb)
    D = (vb - theta * xb) - (va - theta * xa)
    emit(name, [na, ma, ca, nb, mb, cb, False], answer(D, s_a + s_b, df, n), peers("absolute"))
    # lift = D / va: derivative by the control's variables and by the variation's.
    w_a = [-(1 / va + D / va**2) * g + theta / va * h for g, h in zip(ga, ha)]
    w_b = [g / va - theta / va * h for g, h in zip(gbr, hb)]
    emit(name, [na, ma, ca, nb, mb, cb, True], answer(D / va, form(w_a, mat(ca), w_a) / na + form(w_b, mat(cb), w_b) / nb, df, n),
         peers("relative"))


def adjusted_stat(n, mean, cov):
    s, p = raw(n, mean, cov)
    return RegressionAdjustedStatistic(n=n, post_statistic=SampleMeanStatistic(n=n, sum=s[0], sum_squares=p[0][0]),
                                       pre_statistic=SampleMeanStatistic(n=n, sum=s[1], sum_squares=p[1][1]),
                                       post_pre_sum_of_products=p[0][1], theta=0)


def first(m):
    return m[0], [mpf(1), mpf(0)]


def second(m):
    return m[1], [mpf(0), mpf(1)]


def quotient(i, j):
    def f(m):
        g = [mpf(0)] * 4
        g[i], g[j] = 1 / m[j], -m[i] / m[j] ** 2
        return m[i] / m[j], g
    return f


for na, ma, ca, nb, mb, cb in [
    (1000, [10.0, 8.0], [[4.0, 3.0], [3.0, 5.0]], 1000, [10.3, 8.1], [[4.4, 3.1], [3.1, 4.9]]),
    (160, [1.0, 0.5], [[9.0, 8.0], [8.0, 8.0]], 5000, [1.6, 0.4], [[10.0, 8.5], [8.5, 8.0]]),
    (1000000, [1.0, 2.0], [[1.0, -0.6], [-0.6, 2.0]], 999999, [1.002, 2.001], [[1.0, -0.6], [-0.6, 2.0]]),
]:
    cuped("means_cuped", first, second, na, ma, ca, nb, mb, cb,
          lambda kind: {"gbstats": gb(adjusted_stat(na, ma, ca), adjusted_stat(nb, mb, cb), kind)})
for _ in range(4):
    k = int(10 ** rng.uniform(2.3, 5))
    cuped("ratios_cuped", quotient(0, 1), quotient(2, 3), k, rng.uniform(1, 6, 4).tolist(), random_cov(4, 0.7), k + 31,
          rng.uniform(1, 6, 4).tolist(), random_cov(4, 0.7), lambda kind: {})


# --- proportions -------------------------------------------------------------------------------------------------------
Z = t_quantile(mpf("0.025"), inf)
for x, n, y, m in [(3, 10, 7, 12), (0, 200, 4, 210), (1, 1000, 9, 1000), (12, 50, 30, 52), (5, 5, 0, 5), (100, 1000, 130, 1000),
                   (5000, 100000, 5300, 100000), (0, 30, 30, 30), (400, 500, 250, 500), (2, 2, 1, 3), (450, 1500, 900, 1500), (3, 100000, 15, 90000)]:
    emit("fisher", [x, n, y, m], fisher(x, n, y, m), {"scipy": st.fisher_exact([[x, n - x], [y, m - y]])[1]})
    p, q = mpf(x) / n, mpf(y) / m
    (la, ua), (lb, ub) = wilson(x, n, Z), wilson(y, m, Z)
    peers = confint_proportions_2indep(y, m, x, n, method="newcomb")
    emit("newcombe", [x, n, y, m], [q - p - sqrt((q - lb) ** 2 + (ua - p) ** 2), q - p + sqrt((ub - q) ** 2 + (p - la) ** 2)],
         {"statsmodels": [float(v) for v in peers]})
    # Two arms that do not vary by themselves have no interval by z.
    if 0 < x < n or 0 < y < m:
        r = mpf(x + y) / (n + m)
        emit("proportion_z_p", [x, n, y, m], 2 * n_tail(abs(q - p) / sqrt(r * (1 - r) * (mpf(1) / n + mpf(1) / m))),
             {"statsmodels": proportions_ztest([x, y], [n, m])[1]})
for x, n, y, m in [(1000000, 10**7, 1001000, 10**7), (50, 10**9, 90, 10**9), (5 * 10**7, 10**9, 50010000, 10**9), (100000, 10**6, 120000, 10**6)]:
    emit("fisher", [x, n, y, m], fisher_large(x, n, y, m), {"scipy": st.fisher_exact([[x, n - x], [y, m - y]])[1]})
for x, n, y, m in [(100, 1000, 130, 1000), (2000, 100000, 2100, 90000)]:
    p, q = mpf(x) / n, mpf(y) / m
    va, vb = p * (1 - p) / n, q * (1 - q) / m
    for kind, effect, variance in [("absolute", q - p, va + vb), ("relative", (q - p) / p, vb / p**2 + va * q**2 / p**4)]:
        emit("proportion_welch", [x, n, y, m, kind == "relative"], answer(effect, variance, df_of(va, n, vb, m), mpf(n + m)),
             {"gbstats": gb(ProportionStatistic(n=n, sum=x), ProportionStatistic(n=m, sum=y), kind)})

for x, n, y, m in [(5 * 10**8, 10**9, 500000001, 10**9), (5 * 10**8, 10**9, 500000123, 10**9 + 7), (10**8, 10**9, 100000400, 10**9)]:
    p, q, r = mpf(x) / n, mpf(y) / m, mpf(x + y) / (n + m)
    z = abs(q - p) / sqrt(r * (1 - r) * (mpf(1) / n + mpf(1) / m))
    emit("proportion_z", [x, n, y, m], [q - p, (q - p) / p, 2 * n_tail(z)])

# Limits near the proportion, and proportions near each other: what counts from 0 has lost the digits.
for x, n, y, m in [(10**9 - 3, 10**9, 10**9 - 1, 10**9), (5 * 10**8, 10**9, 500000001, 10**9), (10**9 - 1000, 10**9, 10**9 - 1100, 10**9 - 5),
                   (1, 10**9, 3, 10**9), (5, 9, 0, 7), (3, 10, 7, 12), (12, 50, 30, 52)]:
    p, q = mpf(x) / n, mpf(y) / m
    (la, ua), (lb, ub) = wilson(x, n, Z), wilson(y, m, Z)
    emit("newcombe", [x, n, y, m], [q - p - sqrt((q - lb) ** 2 + (ua - p) ** 2), q - p + sqrt((ub - q) ** 2 + (p - la) ** 2)],
         {"statsmodels": [float(v) for v in confint_proportions_2indep(y, m, x, n, method="newcomb")]})
    low = (p * q - sqrt((p * q) ** 2 - lb * ua * (2 * q - lb) * (2 * p - ua))) / (ua * (2 * p - ua)) - 1
    high = (p * q + sqrt((p * q) ** 2 - ub * la * (2 * q - ub) * (2 * p - la))) / (la * (2 * p - la)) - 1
    emit("newcombe_lift", [x, n, y, m], [low, high])
    va, vb = p * (1 - p) / n, q * (1 - q) / m
    if va > 0 and vb > 0:
        for kind, effect, variance in [("absolute", q - p, va + vb), ("relative", (q - p) / p, vb / p**2 + va * q**2 / p**4)]:
            emit("proportion_welch", [x, n, y, m, kind == "relative"], answer(effect, variance, df_of(va, n, vb, m), mpf(n + m)),
                 {"gbstats": gb(ProportionStatistic(n=n, sum=x), ProportionStatistic(n=m, sum=y), kind)})

# --- sample ratio, several questions ----------------------------------------------------------------------------------
for units, weights in [([5000, 5000], [0.5, 0.5]), ([5100, 4900], [1.0, 1.0]), ([3, 1], [0.5, 0.5]), ([1000, 2100, 3000], [1.0, 2.0, 3.0]),
                       ([500300000, 499700000], [0.5, 0.5]), ([60000, 40000], [0.5, 0.5]), ([900, 1100, 1000, 950, 1050], [0.2] * 5),
                       ([333333333, 333333334, 333333333], [1 / 3] * 3), ([100000001, 200000000, 700000001], [0.1, 0.2, 0.7])]:
    s = sum(mpf(w) for w in weights)
    x = sum((n - sum(units) * mpf(w) / s) ** 2 / (sum(units) * mpf(w) / s) for n, w in zip(units, weights))
    emit("sample_ratio", [units, weights], [x, chi_tail(x, len(units) - 1)],
         {"scipy": list(st.chisquare(units, [sum(units) * w / sum(weights) for w in weights])), "gbstats": [float(x), check_srm(units, weights)]})
for p in [[0.01, 0.04, 0.03, 0.005], [0.2], [1e-300, 0.5, 0.5, 1.0, 0.0], [0.05, 0.05, 0.05], rng.uniform(size=20).tolist()]:
    for name, method in [("holm", "holm"), ("benjamini_hochberg", "fdr_bh")]:
        ranked = sorted(range(len(p)), key=lambda i: p[i])
        out, k = [None] * len(p), len(p)
        if name == "holm":
            for r, i in enumerate(ranked):
                out[i] = min(mpf(1), max(mpf(p[j]) * (k - s) for s, j in enumerate(ranked[: r + 1])))
        else:
            for r, i in enumerate(ranked):
                out[i] = min([mpf(1)] + [mpf(p[j]) * k / (s + 1) for s, j in enumerate(ranked) if s >= r])
        emit(name, [p], out, {"statsmodels": multipletests(p, method=method)[1].tolist()})


# --- quantiles: cluster factor by Deng, Knoblich and Lu ----------------------------------------------------------------
for level, n, mean, cov in [(0.5, 400, [2.6, 5.0], [[3.0, 4.0], [4.0, 9.0]]), (0.95, 10000, [19.0, 20.0], [[60.0, 62.0], [62.0, 66.0]])]:
    r, v = ratio_parts(n, mean, cov)
    s, p = raw(n, mean, cov)
    g = QuantileClusteredStatistic(n=int(n * mean[1]), n_star=int(n * mean[1]), nu=level, quantile_hat=1, quantile_lower=1, quantile_upper=1,
                                   main_sum=s[0], main_sum_squares=p[0][0], denominator_sum=s[1], denominator_sum_squares=p[1][1],
                                   main_denominator_sum_product=p[0][1], n_clusters=n)
    nu = mpf(level)
    emit("cluster_factor", [level, n, mean, cov], v / (nu * (1 - nu) / (n * mpf(mean[1]))),
         {"gbstats": g.get_cluster_variance / (level * (1 - level) / (n * mean[1]))})


# --- post-stratification: strata of (n, mean, variance) of a and of b --------------------------------------------------
def strata(parts):
    a = [list(map(mpf, s[:3])) for s in parts]
    b = [list(map(mpf, s[3:])) for s in parts]
    n = sum(x[0] + y[0] for x, y in zip(a, b))
    w = [(x[0] + y[0]) / n for x, y in zip(a, b)]
    A, B = sum(k * x[1] for k, x in zip(w, a)), sum(k * y[1] for k, y in zip(w, b))
    for relative in (False, True):
        ga, gb_ = (-B / A**2, 1 / A) if relative else (mpf(-1), mpf(1))
        terms = [((k * ga) ** 2 * x[2] / x[0], x[0] - 1) for k, x in zip(w, a)] + [((k * gb_) ** 2 * y[2] / y[0], y[0] - 1) for k, y in zip(w, b)]
        pulls = [ga * x[1] + gb_ * y[1] for x, y in zip(a, b)]
        middle = sum(k * p for k, p in zip(w, pulls))
        terms.append((sum(k * (p - middle) ** 2 for k, p in zip(w, pulls)) / n, n - 1))
        v = sum(t[0] for t in terms)
        df = v**2 / sum(t[0] ** 2 / t[1] for t in terms)
        emit("strata", [parts, relative], answer((B - A) / A if relative else B - A, v, df, n))


strata([[500, 10.0, 4.0, 520, 10.4, 4.1], [300, 20.0, 9.0, 280, 20.9, 8.0]])
strata([[90, 1.0, 0.5, 60, 1.5, 0.4], [40, 3.0, 2.0, 80, 3.1, 2.5], [1000, 2.0, 1.0, 1000, 2.2, 1.1]])
strata([[500, 1e9, 1e-6, 520, 1e9 + 1e-3, 1e-6], [300, 1e9 + 1e-2, 1e-6, 280, 1e9 + 1.1e-2, 2e-6]])


# --- power -------------------------------------------------------------------------------------------------------------
mp.dps = 25
for difference, variance, n in [(0.5, 1.0, 64), (0.1, 1.0, 1571), (1.0, 1.0, 2), (0.02, 4.0, 100000), (0.0, 1.0, 50), (0.005, 1.0, 628000)]:
    df = mpf(2 * n - 2)
    delta = mpf(difference) / sqrt(mpf(variance) * 2 / n)
    emit("power", [difference, variance, n], noncentral(t_quantile(mpf("0.025"), df), df, delta),
         {"statsmodels": TTestIndPower().power(difference / variance**0.5, n, 0.05, ratio=1.0, alternative="two-sided")})
for difference, power in [(0.5, 0.8), (0.1, 0.9), (0.02, 0.8), (2.5, 0.95)]:
    n = TTestIndPower().solve_power(difference, power=power, alpha=0.05, ratio=1.0, alternative="two-sided")
    print("units", json.dumps([difference, power]), json.dumps([int(np.ceil(n))]), "statsmodels", sep="\t")
