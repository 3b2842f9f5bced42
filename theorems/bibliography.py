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
TROPP2004 = Reference(
    "tropp2004",
    "J. A. Tropp",
    "Greed is good: algorithmic results for sparse approximation",
    "IEEE Transactions on Information Theory 50(10)",
    2004,
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
SULAM2020 = Reference(
    "sulam2020",
    "J. Sulam, A. Aberdam, A. Beck, M. Elad",
    "On multi-layer basis pursuit, efficient algorithms and convolutional neural networks",
    "IEEE Transactions on Pattern Analysis and Machine Intelligence 42(8); arXiv:1806.00701",
    2020,
)
OURS = Reference("verify", "the authors of this catalogue", "Proved in this page", "", 2026)
MOTZKIN1965 = Reference(
    "motzkin1965",
    "T. S. Motzkin, E. G. Straus",
    "Maxima for graphs and a new proof of a theorem of Turan",
    "Canadian Journal of Mathematics 17",
    1965,
)
BECK2009 = Reference(
    "beck2009",
    "A. Beck, M. Teboulle",
    "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
    "SIAM Journal on Imaging Sciences 2(1)",
    2009,
)
TAYLOR2017 = Reference(
    "taylor2017",
    "A. B. Taylor, J. M. Hendrickx, F. Glineur",
    "Exact worst-case performance of first-order methods for composite convex optimization",
    "SIAM Journal on Optimization 27(3)",
    2017,
)
AMELUNXEN2014 = Reference(
    "amelunxen2014",
    "D. Amelunxen, M. Lotz, M. B. McCoy, J. A. Tropp",
    "Living on the edge: phase transitions in convex programs with random data",
    "Information and Inference 3(3); arXiv:1303.6672",
    2014,
)
CHANDRASEKARAN2012 = Reference(
    "chandrasekaran2012",
    "V. Chandrasekaran, B. Recht, P. A. Parrilo, A. S. Willsky",
    "The convex geometry of linear inverse problems",
    "Foundations of Computational Mathematics 12(6); arXiv:1012.0621",
    2012,
)
MCCOY2014 = Reference(
    "mccoy2014",
    "M. B. McCoy, J. A. Tropp",
    "From Steiner formulas for cones to concentration of intrinsic volumes",
    "Discrete & Computational Geometry 51(4); arXiv:1308.5265",
    2014,
)
GIRYES2016 = Reference(
    "giryes2016",
    "R. Giryes, G. Sapiro, A. M. Bronstein",
    "Deep neural networks with random Gaussian weights: a universal classification strategy?",
    "IEEE Transactions on Signal Processing 64(13); arXiv:1504.08291",
    2016,
)
GORDON1988 = Reference(
    "gordon1988",
    "Y. Gordon",
    "On Milman's inequality and random subspaces which escape through a mesh in R^n",
    "Geometric Aspects of Functional Analysis, Lecture Notes in Mathematics 1317",
    1988,
)
DAVIDSON2001 = Reference(
    "davidson2001",
    "K. R. Davidson, S. J. Szarek",
    "Local operator theory, random matrices and Banach spaces",
    "Handbook of the Geometry of Banach Spaces 1",
    2001,
)
VIDAL2017 = Reference(
    "vidal2017",
    "R. Vidal, J. Bruna, R. Giryes, S. Soatto",
    "Mathematics of Deep Learning",
    "arXiv:1712.04741",
    2017,
)
ZASLAVSKY1975 = Reference(
    "zaslavsky1975",
    "T. Zaslavsky",
    "Facing up to arrangements: face-count formulas for partitions of space by hyperplanes",
    "Memoirs of the American Mathematical Society 1(154)",
    1975,
)
STANLEY2007 = Reference(
    "stanley2007",
    "R. P. Stanley",
    "An introduction to hyperplane arrangements",
    "Geometric Combinatorics, IAS/Park City Mathematics Series 13",
    2007,
)
MONTUFAR2014 = Reference(
    "montufar2014",
    "G. Montúfar, R. Pascanu, K. Cho, Y. Bengio",
    "On the number of linear regions of deep neural networks",
    "NIPS 27; arXiv:1402.1869",
    2014,
)
MONTUFAR2017 = Reference(
    "montufar2017",
    "G. Montúfar",
    "Notes on the number of linear regions of deep neural networks",
    "SampTA",
    2017,
)
SERRA2018 = Reference(
    "serra2018",
    "T. Serra, C. Tjandraatmadja, S. Ramalingam",
    "Bounding and counting linear regions of deep neural networks",
    "ICML, PMLR 80; arXiv:1711.02114",
    2018,
)
RAGHU2017 = Reference(
    "raghu2017",
    "M. Raghu, B. Poole, J. Kleinberg, S. Ganguli, J. Sohl-Dickstein",
    "On the expressive power of deep neural networks",
    "ICML, PMLR 70; arXiv:1606.05336",
    2017,
)
HANIN2019 = Reference(
    "hanin2019",
    "B. Hanin, D. Rolnick",
    "Deep ReLU networks have surprisingly few activation patterns",
    "NeurIPS 32; arXiv:1906.00904",
    2019,
)
SOKOLIC2017 = Reference(
    "sokolic2017",
    "J. Sokolić, R. Giryes, G. Sapiro, M. R. D. Rodrigues",
    "Robust large margin deep neural networks",
    "IEEE Transactions on Signal Processing 65(16); arXiv:1605.08254",
    2017,
)
KLOVE1989 = Reference(
    "klove1989",
    "T. Kløve",
    "Bounds and construction for difference triangle sets",
    "IEEE Transactions on Information Theory 35(4)",
    1989,
)
XU2012 = Reference("xu2012", "H. Xu, S. Mannor", "Robustness and generalization", "Machine Learning 86(3)", 2012)
WEISSMAN2003 = Reference(
    "weissman2003",
    "T. Weissman, E. Ordentlich, G. Seroussi, S. Verdú, M. J. Weinberger",
    "Inequalities for the L1 deviation of the empirical distribution",
    "Hewlett-Packard Laboratories, technical report HPL-2003-97",
    2003,
)
JAKUBOVITZ2018 = Reference(
    "jakubovitz2018",
    "D. Jakubovitz, R. Giryes",
    "Improving DNN robustness to adversarial attacks using Jacobian regularization",
    "ECCV; arXiv:1803.08680",
    2018,
)
SHALEV2014 = Reference(
    "shalev2014",
    "S. Shalev-Shwartz, S. Ben-David",
    "Understanding Machine Learning: From Theory to Algorithms",
    "Cambridge University Press",
    2014,
)
VAPNIK1971 = Reference(
    "vapnik1971",
    "V. N. Vapnik, A. Y. Chervonenkis",
    "On the uniform convergence of relative frequencies of events to their probabilities",
    "Theory of Probability and Its Applications 16(2)",
    1971,
)
MASSART1990 = Reference(
    "massart1990",
    "P. Massart",
    "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality",
    "Annals of Probability 18(3)",
    1990,
)
BAUM1989 = Reference(
    "baum1989",
    "E. B. Baum, D. Haussler",
    "What size net gives valid generalization?",
    "Neural Computation 1(1)",
    1989,
)
BARTLETT2019 = Reference(
    "bartlett2019",
    "P. L. Bartlett, N. Harvey, C. Liaw, A. Mehrabian",
    "Nearly-tight VC-dimension and pseudodimension bounds for piecewise linear neural networks",
    "Journal of Machine Learning Research 20",
    2019,
)
NEYSHABUR2015 = Reference(
    "neyshabur2015",
    "B. Neyshabur, R. Tomioka, N. Srebro",
    "Norm-based capacity control in neural networks",
    "COLT, PMLR 40; arXiv:1503.00036",
    2015,
)
GOLOWICH2018 = Reference(
    "golowich2018",
    "N. Golowich, A. Rakhlin, O. Shamir",
    "Size-independent sample complexity of neural networks",
    "COLT, PMLR 75; arXiv:1712.06541",
    2018,
)
LEDOUX1991 = Reference(
    "ledoux1991",
    "M. Ledoux, M. Talagrand",
    "Probability in Banach Spaces",
    "Springer",
    1991,
)
HARDT2016 = Reference(
    "hardt2016",
    "M. Hardt, B. Recht, Y. Singer",
    "Train faster, generalize better: stability of stochastic gradient descent",
    "ICML, PMLR 48; arXiv:1509.01240",
    2016,
)
SEDGHI2019 = Reference(
    "sedghi2019",
    "H. Sedghi, V. Gupta, P. M. Long",
    "The singular values of convolutional layers",
    "ICLR; arXiv:1805.10408",
    2019,
)
KOLMOGOROV1959 = Reference(
    "kolmogorov1959",
    "A. N. Kolmogorov, V. M. Tikhomirov",
    "Epsilon-entropy and epsilon-capacity of sets in function spaces",
    "Uspekhi Matematicheskikh Nauk 14(2)",
    1959,
)
WELCH1974 = Reference(
    "welch1974",
    "L. R. Welch",
    "Lower bounds on the maximum cross correlation of signals",
    "IEEE Transactions on Information Theory 20(3)",
    1974,
)
PAPYAN2017 = Reference(
    "papyan2017",
    "V. Papyan, J. Sulam, M. Elad",
    "Working locally thinking globally: theoretical guarantees for convolutional sparse coding",
    "IEEE Transactions on Signal Processing 65(21); arXiv:1707.06066",
    2017,
)
PAPYAN2017CNN = Reference(
    "papyan2017cnn",
    "V. Papyan, Y. Romano, M. Elad",
    "Convolutional neural networks analyzed via convolutional sparse coding",
    "Journal of Machine Learning Research 18(83); arXiv:1607.08194",
    2017,
)
TROPP2006 = Reference(
    "tropp2006",
    "J. A. Tropp",
    "Just relax: convex programming methods for identifying sparse signals in noise",
    "IEEE Transactions on Information Theory 52(3)",
    2006,
)
SULAM2018 = Reference(
    "sulam2018",
    "J. Sulam, V. Papyan, Y. Romano, M. Elad",
    "Multilayer convolutional sparse modeling: pursuit and dictionary learning",
    "IEEE Transactions on Signal Processing 66(15); arXiv:1708.08705",
    2018,
)
ABERDAM2019 = Reference(
    "aberdam2019",
    "A. Aberdam, J. Sulam, M. Elad",
    "Multi-layer sparse coding: the holistic way",
    "SIAM Journal on Mathematics of Data Science 1(1); arXiv:1804.09788",
    2019,
)
ROMANO2020 = Reference(
    "romano2020",
    "Y. Romano, A. Aberdam, J. Sulam, M. Elad",
    "Adversarial noise attacks of deep learning architectures: stability analysis via sparse-modeled signals",
    "Journal of Mathematical Imaging and Vision 62(3); arXiv:1805.11596",
    2020,
)
SERFLING1974 = Reference(
    "serfling1974",
    "R. J. Serfling",
    "Probability inequalities for the sum in sampling without replacement",
    "The Annals of Statistics 2(1)",
    1974,
)
KULLBACK1967 = Reference(
    "kullback1967",
    "S. Kullback",
    "A lower bound for discrimination information in terms of variation",
    "IEEE Transactions on Information Theory 13(1)",
    1967,
)
DOERR2018 = Reference(
    "doerr2018",
    "B. Doerr",
    "An elementary analysis of the probability that a binomial random variable exceeds its expectation",
    "Statistics & Probability Letters 139; arXiv:1712.00519",
    2018,
)
MCALLESTER2003 = Reference(
    "mcallester2003",
    "D. McAllester, L. Ortiz",
    "Concentration inequalities for the missing mass and for histogram rule error",
    "Journal of Machine Learning Research 4",
    2003,
)
