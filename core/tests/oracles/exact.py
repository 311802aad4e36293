# Owns the 40-digit arithmetic of experiment.py: tails and quantiles of distributions, Fisher's exact test, Wilson's interval.
"""Distributions are integrated, or are mpmath's own functions. Nothing here was copied from tally_core."""
import scipy.stats as st
from mpmath import betainc, binomial, erfc, exp, findroot, gammainc, inf, log, loggamma, mp, mpf, pi, quad, sqrt

mp.dps = 40


def t_tail(t, df):
    """P(T > t), t >= 0: the incomplete beta function, or the density integrated where that is slow."""
    t, df = mpf(t), mpf(df)
    if df <= 2000:
        return betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    c = exp(loggamma((df + 1) / 2) - loggamma(df / 2)) / sqrt(df * pi)
    w = 1 / (t + 1)
    return quad(lambda x: c * exp(-(df + 1) / 2 * log(1 + x * x / df)), [t + w * k for k in (0, 1, 2, 4, 8, 16, 32, 64, 128)])


def n_tail(z):
    return erfc(mpf(z) / sqrt(mpf(2))) / 2


def t_quantile(tail, df):
    """By secants on the logarithms, in which the tail is nearly a line; scipy only says where to begin."""
    tail = mpf(tail)
    guess = float(st.norm.isf(float(tail)) if df == inf else st.t.isf(float(tail), float(df)))
    if not 0 < guess < float("inf"):
        guess = exp(-log(tail) / mpf(df))
    f = lambda u: log(n_tail(exp(u)) if df == inf else t_tail(exp(u), df)) - log(tail)
    return exp(findroot(f, (log(mpf(guess)), log(mpf(guess)) + mpf("1e-4")), tol=mpf("1e-50"), maxsteps=100, verify=False))


def chi_tail(x, df):
    x, df = mpf(x), mpf(df)
    if df <= 2000:
        return gammainc(df / 2, x / 2, inf, regularized=True)
    # Log-density integrated from the side that is a tail.
    c = -loggamma(df / 2) - df / 2 * log(mpf(2))
    f = lambda v: exp(c + (df / 2 - 1) * log(v) - v / 2)
    w = 2 * df / (sqrt(2 * df) + abs(x - df))
    steps = [w * k / 2 for k in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)]
    if x > df:
        return quad(f, [x + k for k in steps])
    return 1 - quad(f, [x - k for k in reversed(steps)])


def two_sided(stat, df):
    return 2 * t_tail(abs(stat), df) if df != inf else 2 * n_tail(abs(stat))


def fisher(x, n, y, m):
    """By whole numbers."""
    k = x + y
    ways = {j: binomial(m, j) * binomial(n, k - j) for j in range(max(0, k - n), min(m, k) + 1)}
    return sum(w for w in ways.values() if w <= ways[y] * (1 + mpf("1e-30"))) / binomial(n + m, k)


def fisher_large(x, n, y, m):
    """Neighbouring tables by their ratios, from the table outward and from its peer on the other side."""
    k = x + y
    lp = lambda j: (loggamma(mpf(m + 1)) - loggamma(mpf(j + 1)) - loggamma(mpf(m - j + 1)) + loggamma(mpf(n + 1)) - loggamma(mpf(k - j + 1))
                    - loggamma(mpf(n - k + j + 1)) - loggamma(mpf(n + m + 1)) + loggamma(mpf(k + 1)) + loggamma(mpf(n + m - k + 1)))
    lo, hi, mode = max(0, k - n), min(m, k), (m + 1) * (k + 1) // (n + m + 2)
    limit = lp(y) + mpf("1e-25")

    def tail(j, side):
        total, term = mpf(0), exp(lp(j))
        while lo <= j <= hi and term > total * mpf("1e-30"):
            total += term
            term *= (mpf(m - j) * (k - j) / (mpf(j + 1) * (n - k + j + 1))) if side > 0 else (mpf(j) * (n - k + j) / (mpf(m - j + 1) * (k - j + 1)))
            j += side
        return total
    side = 1 if y > mode else -1
    likely, rare = mode, (lo if side > 0 else hi)
    if lp(rare) > limit:
        return tail(y, side)
    while abs(likely - rare) > 1:
        mid = (likely + rare) // 2
        likely, rare = (mid, rare) if lp(mid) > limit else (likely, mid)
    return tail(y, side) + tail(rare, -side)


def wilson(x, n, z):
    x, n = mpf(x), mpf(n)
    p = x / n
    mid, half = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return mid - half, mid + half


def noncentral(t, df, delta):
    """P(|T| > t): the normal tail over the chi distribution of the denominator."""
    t, df, delta = mpf(t), mpf(df), mpf(delta)
    c = log(mpf(2)) + df / 2 * log(df / 2) - loggamma(df / 2)
    w = 1 / sqrt(2 * df)
    points = sorted({max(mpf(0), 1 + w * k) for k in (-14, -10, -7, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 14, 20, 40)})
    return quad(lambda s: exp(c + (df - 1) * log(s) - df * s * s / 2) * (n_tail(t * s - delta) + n_tail(t * s + delta)) if s else mpf(0), points)
