"""The bibliography: every reference once, by key."""

from verify import Reference

GIRYES2019 = Reference("giryes2019", "R. Giryes", "Mathematics of Deep Learning", "tutorial slides, UAI", 2019)
ELAD2018 = Reference("elad2018", "M. Elad", "Sparse Modeling and Deep Learning", "talk slides", 2018)

OYMAK2018 = Reference(
    "oymak2018",
    "S. Oymak, B. Recht, M. Soltanolkotabi",
    "Sharp time-data tradeoffs for linear inverse problems",
    "IEEE Transactions on Information Theory 64(6); arXiv:1507.04793",
    2018,
)
GIRYES2018 = Reference(
    "giryes2018",
    "R. Giryes, Y. C. Eldar, A. M. Bronstein, G. Sapiro",
    "Tradeoffs between convergence speed and reconstruction accuracy in inverse problems",
    "IEEE Transactions on Signal Processing 66(7); arXiv:1605.09232",
    2018,
)
DONOHO2006 = Reference(
    "donoho2006",
    "D. L. Donoho, M. Elad, V. N. Temlyakov",
    "Stable recovery of sparse overcomplete representations in the presence of noise",
    "IEEE Transactions on Information Theory 52(1)",
    2006,
)
DONOHO2003 = Reference(
    "donoho2003",
    "D. L. Donoho, M. Elad",
    "Optimally sparse representation in general (nonorthogonal) dictionaries via l1 minimization",
    "PNAS 100(5)",
    2003,
)
GRIBONVAL2003 = Reference(
    "gribonval2003",
    "R. Gribonval, M. Nielsen",
    "Sparse representations in unions of bases",
    "IEEE Transactions on Information Theory 49(12)",
    2003,
)
FUCHS2004 = Reference(
    "fuchs2004",
    "J.-J. Fuchs",
    "On sparse representations in arbitrary redundant bases",
    "IEEE Transactions on Information Theory 50(6)",
    2004,
)
CAI2010 = Reference(
    "cai2010",
    "T. T. Cai, L. Wang, G. Xu",
    "Stable recovery of sparse signals and an oracle inequality",
    "IEEE Transactions on Information Theory 56(7)",
    2010,
)
SHEN2018 = Reference(
    "shen2018",
    "J. Shen, P. Li",
    "A tight bound of hard thresholding",
    "Journal of Machine Learning Research 18",
    2018,
)
OURS = Reference("verify", "the authors of this catalogue", "Proved in this page", "", 2026)
