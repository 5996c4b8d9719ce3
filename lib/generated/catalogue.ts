// Generated from the native catalogue by scripts/generate.mjs. Do not edit.

/** Options of the model: Mean-field two-layer network. */
export interface MeanFieldOptions {
  /** Number of particles (neurons); auto: ⌈β k C²/(2ε)⌉ for the accuracy ε. (M) Default 1000. */
  particles?: number | 'auto'
  /** What a finite number of particles may add to the objective, for particles 'auto'; auto: no such bound. (ε) Default "auto". */
  accuracy?: number | 'auto'
  /** Outputs of the network: classes for softmax, columns of the target otherwise. (k) Default 1. */
  outputs?: number
  /** Loss; logistic and smooth hinge take targets of -1 and +1, softmax classes 0 to k-1. Default "squared". */
  loss?: 'squared' | 'logistic' | 'smooth-hinge' | 'huber' | 'softmax'
  /** Width of the smooth hinge's quadratic part, or the residual where Huber turns linear. Default 1. */
  lossWidth?: number
  /** Activation of the first layer. Default "tanh". */
  activation?: 'tanh' | 'sigmoid' | 'relu' | 'softplus' | 'silu'
  /** Output weights: fixed; bounded, R tanh(r) with r trained; parity, R[sigma + 2 tanh(u)]/3. Default "bounded". */
  secondLayer?: 'fixed' | 'bounded' | 'parity'
  /** Fixed signs of fixed and parity output weights: all +1, or alternating. Default "same". */
  signs?: 'same' | 'balanced'
  /** Scale of the output weights, the largest output of a bounded network; auto: by the loss. (R) Default "auto". */
  outputScale?: number | 'auto'
  /** Give every neuron a bias. Default true. */
  bias?: boolean
  /** Weight of E‖θ‖²; auto: such that the prior N(0, λ/(2λ') I) spreads pre-activations to variance 4. (λ') Default "auto". */
  ridge?: number | 'auto'
  /** Weight of the entropy, the temperature. (λ) Default 0.00001. */
  entropy?: number
  /** Variance of each coordinate of the starting particles; auto: the prior's λ/(2λ'). Default "auto". */
  initialVariance?: number | 'auto'
  /** Entropy at step t, never below `entropy`: λ_0 times 2^-⌊s⌋, 1/log(e + s) or 1/(1 + s), s = t/annealingSteps. Default "constant". */
  annealing?: 'constant' | 'geometric' | 'logarithmic' | 'harmonic'
  /** Entropy at step 0 when annealing; auto: 100 times `entropy`. (λ_0) Default "auto". */
  initialEntropy?: number | 'auto'
  /** Steps of a round of the annealing, where there is one. Default 100. */
  annealingSteps?: number
  /** Scale the ridge like the entropy, so that the prior stays the same. Default false. */
  annealRidge?: boolean
  /** Weights anywhere, or brought back to length 1 after every step (no prior, no certificate). Default "free". */
  geometry?: 'free' | 'sphere'
  /** Linear map of the feature weights' steps: from the inverse second moment of the inputs, or from the covariance of the first gradients. Default "none". */
  preconditioner?: 'none' | 'inputs' | 'gradient'
  /** Map the prior too, as if the inputs had been mapped, which changes the optimum; else only the way there. Default false. */
  preconditionPrior?: boolean
}

/** Noisy gradient descent (mean-field Langevin dynamics), full batch. Nitanda, Wu, Suzuki, AISTATS 2022, arXiv 2201.10469, Theorem 2. */
export interface LangevinOptions {
  name: 'langevin'
  /** Step size in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Draw the noise; false is plain gradient descent, a control without entropy or certificate. Default true. */
  noise?: boolean
}

/** Mean-field Langevin dynamics with stochastic gradients. Suzuki, Wu, Nitanda, NeurIPS 2023, arXiv 2306.07221. */
export interface SgdLangevinOptions {
  name: 'sgd-langevin'
  /** Step size in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of each stochastic gradient; auto: ⌈√n⌉. (B) Default "auto". */
  minibatch?: number | 'auto'
  /** Rows of a step: drawn without replacement, anew for each step; or one after the other, as they lie in the data, each once a pass. Default "random". */
  order?: 'random' | 'rows'
  /** Draw the noise; false is plain stochastic gradient descent, a control without certificate. Default true. */
  noise?: boolean
}

/** Mean-field Langevin dynamics with variance-reduced gradients. Suzuki, Wu, Nitanda, NeurIPS 2023, arXiv 2306.07221. */
export interface SvrgLangevinOptions {
  name: 'svrg-langevin'
  /** Step size in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of each stochastic gradient, drawn without replacement; auto: ⌈√n⌉. (B) Default "auto". */
  minibatch?: number | 'auto'
  /** Steps from one full gradient to the next; 1 is langevin; auto: ⌈n/B⌉. (m) Default "auto". */
  anchorInterval?: number | 'auto'
}

/** Particle dual averaging. Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Algorithm 1. */
export interface DualAveragingOptions {
  name: 'dual-averaging'
  /** Inner step size in the master objective's units (the paper's times λ); auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** η_t = η t^(-stepDecay) at outer step t; the theory uses 2, the paper's experiments 1/2. Default 0. */
  stepDecay?: number
  /** Inner steps of the first outer step; auto: ⌈√(1/(2λ'η))⌉. (K_1) Default 10. */
  innerSteps?: number | 'auto'
  /** K_t = ⌈K_1 t^innerGrowth⌉; 0 is constant, the theory uses 2. Default 0. */
  innerGrowth?: number
  /** Rows that an outer step looks at, drawn anew: the expected-risk form; auto: all, the finite-sum form. (B) Default "auto". */
  minibatch?: number | 'auto'
  /** Inner loops start from the previous particles, or from fresh draws of the initial law. Default "warm". */
  start?: 'warm' | 'restart'
  /** Particles returned: the last, or those of a random outer step with P[t] = 2t/(T(T+3)). Default "last". */
  output?: 'last' | 'random'
}

/** Particle stochastic dual coordinate ascent. Oko, Suzuki, Nitanda, Wu, ICLR 2022. */
export interface DualCoordinateAscentOptions {
  name: 'dual-coordinate-ascent'
  /** Step size of the sampler in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Sampler steps at each resampling; auto: ⌈√(1/(2λ'η))⌉. (K) Default 20. */
  innerSteps?: number | 'auto'
  /** Dual coordinates between resamplings, at most; auto: n. (ñ) Default "auto". */
  coordinates?: number | 'auto'
  /** Resample as soon as the effective sample size falls below this fraction of M. Default 0.5. */
  effectiveFraction?: number
  /** Chain at a resampling: unadjusted, or Metropolis-adjusted with a step that adapts. Default "langevin". */
  sampler?: 'langevin' | 'mala'
}

/** Entropic fictitious play, finite-sum form. Nitanda, Oko, Wu, Takenouchi, Suzuki, ICML 2023, arXiv 2303.02957. */
export interface FictitiousPlayOptions {
  name: 'fictitious-play'
  /** Inner step size in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Share of the Gibbs response mixed in at each step; unbounded neurons need a small one. (γ) Default 0.1. */
  mixing?: number
  /** Langevin steps towards each Gibbs response, from the previous one; auto: ⌈√(1/(2λ'η))⌉. (K) Default 20. */
  innerSteps?: number | 'auto'
}

/** Underdamped mean-field Langevin dynamics. Fu, Wilson, ICML 2024, arXiv 2312.16360; Chen, Lin, Ren, Wang, arXiv 2307.02168. */
export interface UnderdampedLangevinOptions {
  name: 'underdamped-langevin'
  /** Step in time; auto: the smaller of 1/√L and γ/L. (h) Default "auto". */
  step?: number | 'auto'
  /** Friction of the velocities; auto: √L. (γ) Default "auto". */
  friction?: number | 'auto'
}

/** Two-timescale mean-field Langevin dynamics, second layer by ridge regression. Takakura, Suzuki, ICML 2024; Wang, Mousavi-Hosseini, Chizat, NeurIPS 2024, arXiv 2406.17054. */
export interface TwoTimescaleOptions {
  name: 'two-timescale'
  /** Step size in the master objective's units; auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** Weight of E a²/2 of the second layer, which is solved exactly (the paper's λ λ_a). (λ̄) Default 0.001. */
  secondRidge?: number
  /** Half-width of uniform noise added to the targets in the gradient only. (σ̃) Default 0. */
  labelNoise?: number
}

export type MeanFieldAlgorithmName = 'langevin' | 'sgd-langevin' | 'svrg-langevin' | 'dual-averaging' | 'dual-coordinate-ascent' | 'fictitious-play' | 'underdamped-langevin' | 'two-timescale'

export type MeanFieldAlgorithm = MeanFieldAlgorithmName | LangevinOptions | SgdLangevinOptions | SvrgLangevinOptions | DualAveragingOptions | DualCoordinateAscentOptions | FictitiousPlayOptions | UnderdampedLangevinOptions | TwoTimescaleOptions

/** Options of the model: Linear model, a convex finite sum. */
export interface LinearOptions {
  /** Outputs: classes for softmax and one-vs-rest, columns of the target otherwise. (k) Default 1. */
  outputs?: number
  /** Loss; logistic and the hinges take targets of -1 and +1, or class indices (one-vs-rest) with more outputs. Default "logistic". */
  loss?: 'squared' | 'logistic' | 'smooth-hinge' | 'huber' | 'softmax' | 'squared-hinge' | 'poisson'
  /** Width of the smooth hinge's quadratic part, or the residual where Huber turns linear. Default 1. */
  lossWidth?: number
  /** Weight of the sum of absolute weights. (λ1) Default 0. */
  l1?: number
  /** Weight of half the sum of squared weights; auto: 1/n, or 0 when l1 is above 0. (λ2) Default "auto". */
  l2?: number | 'auto'
  /** Add an intercept, which is not penalised. Default true. */
  intercept?: boolean
  /** Keep all weights (not the intercept) at or above 0. Default false. */
  nonNegative?: boolean
}

/** The method that suits the problem; the reason is in chosen. C.9: design consequences of measured constants. */
export interface AutoOptions {
  name: 'auto'
}

/** Proximal stochastic variance reduced gradient. Xiao, Zhang, SIAM J. Optim. 2014; Johnson, Zhang, NIPS 2013. */
export interface SvrgOptions {
  name: 'svrg'
  /** Step size; auto: 1/(2 L(b)), halved when a stage goes up. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: min(L_max/L_F, √n). (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Minibatch steps of a stage; auto: n/b, one more pass. (m) Default "auto". */
  innerSteps?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "uniform". */
  sampling?: 'uniform' | 'importance'
}

/** Loopless SVRG. Kovalev, Horvath, Richtarik, ALT 2020, Algorithm 1. */
export interface LSvrgOptions {
  name: 'l-svrg'
  /** Step size; auto: 1/(2 L(b)), halved when the objective goes up between snapshots. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: min(L_max/L_F, √n). (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "uniform". */
  sampling?: 'uniform' | 'importance'
}

/** SAGA, a table of derivatives. Defazio, Bach, Lacoste-Julien, NIPS 2014. */
export interface SagaOptions {
  name: 'saga'
  /** Step size; auto: 1/(3 L(b)). (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: min(L_max/L_F, √n). (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "uniform". */
  sampling?: 'uniform' | 'importance'
}

/** Stochastic average gradient (biased). Schmidt, Le Roux, Bach, Math. Program. 2017. */
export interface SagOptions {
  name: 'sag'
  /** Step size; auto: 1/(2 L(b)). (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: min(L_max/L_F, √n). (b) Default "auto". */
  minibatch?: number | 'auto'
}

/** Stochastic recursive gradient. Nguyen, Liu, Scheinberg, Takac, ICML 2017, Algorithms 1 and 2. */
export interface SarahOptions {
  name: 'sarah'
  /** Step size; auto: 1/(2 L(b)), halved when a stage goes up. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: min(L_max/L_F, √n). (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Minibatch steps of a stage; auto: n/b, one more pass. (m) Default "auto". */
  innerSteps?: number | 'auto'
  /** SARAH+: end a stage when the squared norm of v has fallen by this factor; 0: never. (γ) Default 0.125. */
  ratio?: number
}

/** Stochastic dual coordinate ascent. Shalev-Shwartz, Zhang, ICML 2014. */
export interface SdcaOptions {
  name: 'sdca'
  /** Rows whose steps are taken from the same weights; auto: 1. (b) Default "auto". */
  minibatch?: number | 'auto'
}

/** Incremental majorization-minimization (MISO, Finito). Mairal, SIAM J. Optim. 2015; Defazio, Caetano, Domke, ICML 2014. */
export interface MisoOptions {
  name: 'miso'
  /** Rows whose steps are taken from the same weights; auto: 1. (b) Default "auto". */
  minibatch?: number | 'auto'
}

/** Point-SAGA, proximal steps on single rows. Defazio, NIPS 2016, Algorithm 1. */
export interface PointSagaOptions {
  name: 'point-saga'
  /** Step size; auto: √((n−1)² + 4nL/μ)/(2Ln) − (1 − 1/n)/(2L). (γ) Default "auto". */
  step?: number | 'auto'
}

/** Katyusha, negative momentum towards the snapshot. Allen-Zhu, STOC 2017, Algorithms 1 and 2, minibatch form. */
export interface KatyushaOptions {
  name: 'katyusha'
  /** Smoothness that steps are made of; auto: L_max, with importance sampling L̄. (L) Default "auto". */
  smoothness?: number | 'auto'
  /** Rows of a minibatch; auto: b* = √n + n/√κ. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Minibatch steps of a stage; auto: n/b, one more pass. (m) Default "auto". */
  innerSteps?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "uniform". */
  sampling?: 'uniform' | 'importance'
  /** Options I and II of the paper. Default "prox". */
  yStep?: 'prox' | 'momentum'
}

/** Loopless Katyusha. Kovalev, Horvath, Richtarik, ALT 2020, Algorithm 2. */
export interface LKatyushaOptions {
  name: 'l-katyusha'
  /** Smoothness that steps are made of; auto: L(b) + λ2, L(b) the expected smoothness of a minibatch. (L) Default "auto". */
  smoothness?: number | 'auto'
  /** Rows of a minibatch; auto: b* = √n + n/√κ. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "uniform". */
  sampling?: 'uniform' | 'importance'
}

/** Accelerated proximal SVRG (2014). Nitanda, NIPS 2014. */
export interface AccSvrgOptions {
  name: 'acc-svrg'
  /** Step size; auto: 1/L(b), halved when a stage goes up. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: max(b*, b₀), b₀ = max(n/√κ, min(√κ, n)). (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Minibatch steps of a stage; auto: n/b, one more pass. (m) Default "auto". */
  innerSteps?: number | 'auto'
}

/** Accelerated SVRG inside the accelerated approximate proximal point method. Nitanda, Murata, Suzuki (KAIS, ICDM); Nitanda, NIPS 2014; Frostig et al., ICML 2015. */
export interface AccSvrgAppaOptions {
  name: 'acc-svrg-appa'
  /** Weight of (κ/2)‖w − a‖²; auto: L_max/n − λ2. (κ) Default "auto". */
  proximalWeight?: number | 'auto'
  /** Rows of the inner method's minibatch; auto: the inner method's own. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Step size of the inner method; auto: the inner method's own. (η) Default "auto". */
  step?: number | 'auto'
}

/** Accelerated SVRG with mirror steps and growing minibatches. Nitanda, AISTATS 2016, Algorithms 1 and 2. */
export interface AmsvrgOptions {
  name: 'amsvrg'
  /** Step size; auto: 1/(L(b_1) + λ2), halved when a stage goes up. (η) Default "auto". */
  step?: number | 'auto'
  /** Growth of the minibatch: 4 L δ α ≤ p; the theory wants p < 1/2. (p) Default 0.1. */
  p?: number
  /** End of a stage: one pass, gradient test, or both. Default "R1". */
  restart?: 'R1' | 'R2' | 'R3'
  /** What a stage returns: Options I-a, I-b, II of the paper. Default "last". */
  output?: 'last' | 'mean' | 'monotone'
}

/** Doubly accelerated stochastic variance reduced dual averaging. Murata, Suzuki, NIPS 2017, Algorithms 1 to 4. */
export interface DasvrdaOptions {
  name: 'dasvrda'
  /** Step size; auto: 1/((1 + γ(m+1)/b) L̄), the theory's, at least 1/(2 L(b)). (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a minibatch; auto: b* = √n + n/√κ. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Minibatch steps of a stage; auto: n/b, one more pass. (m) Default "auto". */
  innerSteps?: number | 'auto'
  /** Rows of a minibatch: distinct and equally likely, or with replacement in proportion to L_i. Default "importance". */
  sampling?: 'uniform' | 'importance'
  /** Outer momentum; auto: γ* = (3 + √(9 + 8b/(m+1)))/2. (γ) Default "auto". */
  gamma?: number | 'auto'
  /** Restart of the outer momentum: by the gradient test, or after S stages. Default "adaptive". */
  outerRestart?: 'adaptive' | 'fixed'
  /** Stages between fixed restarts; auto: the least with a bound of one half, from λ2. (S) Default "auto". */
  stages?: number | 'auto'
}

/** Accelerated proximal gradient, full batch. Beck, Teboulle, SIAM J. Imaging Sci. 2009; O'Donoghue, Candes, 2015. */
export interface FistaOptions {
  name: 'fista'
  /** First smoothness constant; auto: L_F by power iteration. Doubled where the model fails. (L) Default "auto". */
  smoothness?: number | 'auto'
  /** Iterations of a step, between two certificates. Default 10. */
  innerSteps?: number
}

/** Catalyst acceleration of an incremental method. Lin, Mairal, Harchaoui, NIPS 2015, Algorithm 1. */
export interface CatalystOptions {
  name: 'catalyst'
  /** Method for the inner problems. Default "svrg". */
  inner?: 'svrg' | 'saga' | 'miso' | 'acc-svrg' | 'fista'
  /** Weight of (κ/2)‖w − a‖²; auto: L_max/n − λ2. (κ) Default "auto". */
  proximalWeight?: number | 'auto'
  /** Rows of the inner method's minibatch; auto: the inner method's own. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Step size of the inner method; auto: the inner method's own. (η) Default "auto". */
  step?: number | 'auto'
}

/** Quasi-Newton on the Moreau envelope of an incremental method. Lin, Mairal, Harchaoui, SIAM J. Optim. 2019, Algorithm 2. */
export interface QningOptions {
  name: 'qning'
  /** Method for the inner problems. Default "svrg". */
  inner?: 'svrg' | 'saga' | 'miso' | 'acc-svrg' | 'fista'
  /** Weight of (κ/2)‖w − a‖²; auto: L_max/n − λ2. (κ) Default "auto". */
  proximalWeight?: number | 'auto'
  /** Rows of the inner method's minibatch; auto: the inner method's own. (b) Default "auto". */
  minibatch?: number | 'auto'
  /** Step size of the inner method; auto: the inner method's own. (η) Default "auto". */
  step?: number | 'auto'
  /** Pairs of the limited-memory BFGS matrix. Default 20. */
  memory?: number
}

/** Newton: Cholesky with sampled Hessians, or truncated by conjugate gradients. Nash, J. Comput. Appl. Math. 2000; Roosta-Khorasani, Mahoney, Math. Program. 2019. */
export interface NewtonOptions {
  name: 'newton'
  /** How H is solved; automatic: Cholesky for scalar losses up to 512 columns. Default "automatic". */
  system?: 'automatic' | 'cholesky' | 'conjugate-gradients'
  /** Rows that the first Hessian is made of; auto: n/8 for dense data of more than 200 rows a column, else n. Default "auto". */
  hessianRows?: number | 'auto'
}

/** Coordinate descent with working sets and proximal Newton. Yuan, Ho, Lin, JMLR 2012; Massias, Gramfort, Salmon, ICML 2018; Ndiaye et al., JMLR 2017. */
export interface CoordinateDescentOptions {
  name: 'coordinate-descent'
  /** Columns that join the first working set; auto: 3000 for sparse data, with at most a 32nd of all stored numbers where these are more than 2^24, 100 for dense and 500 for many dense columns. Default "auto". */
  workingSet?: number | 'auto'
  /** Gap-safe rule: coordinates that are zero in every solution are dropped for good (L1 alone). Default false. */
  screening?: boolean
}

/** Dual coordinate descent in random order. Hsieh et al., ICML 2008; Yu, Huang, Lin, Mach. Learn. 2011. */
export interface DualCoordinateDescentOptions {
  name: 'dual-coordinate-descent'
  /** Rows whose steps are taken from the same weights; auto: 1. (b) Default "auto". */
  minibatch?: number | 'auto'
}

export type LinearAlgorithmName = 'auto' | 'svrg' | 'l-svrg' | 'saga' | 'sag' | 'sarah' | 'sdca' | 'miso' | 'point-saga' | 'katyusha' | 'l-katyusha' | 'acc-svrg' | 'acc-svrg-appa' | 'amsvrg' | 'dasvrda' | 'fista' | 'catalyst' | 'qning' | 'newton' | 'coordinate-descent' | 'dual-coordinate-descent'

export type LinearAlgorithm = LinearAlgorithmName | AutoOptions | SvrgOptions | LSvrgOptions | SagaOptions | SagOptions | SarahOptions | SdcaOptions | MisoOptions | PointSagaOptions | KatyushaOptions | LKatyushaOptions | AccSvrgOptions | AccSvrgAppaOptions | AmsvrgOptions | DasvrdaOptions | FistaOptions | CatalystOptions | QningOptions | NewtonOptions | CoordinateDescentOptions | DualCoordinateDescentOptions

/** Options of a run of the model: Linear model, a convex finite sum. */
export interface LinearRunOptions {
  /** Budget in steps (stages, about one to three passes each); auto: none. Default "auto". */
  steps?: number | 'auto'
  /** Budget in data passes: example gradients evaluated divided by n; auto: 20000 when there is no other budget. Default "auto". */
  passes?: number | 'auto'
  /** Budget in seconds of solving; auto: none. Default "auto". */
  seconds?: number | 'auto'
  /** Stop once the objective is at or below this; auto: never. Default "auto". */
  targetObjective?: number | 'auto'
  /** Stop once the duality gap is at most this fraction of the objective; 0: never. Default 0.000001. */
  tolerance?: number
  /** Stop once the duality gap is at most this; 0: never. Default 0. */
  gap?: number
  /** Steps between trace points, where the gap is looked at; auto: 1, thinned as the run gets longer, and where a look costs a pass over the data, when the gap may be small enough by then. Default "auto". */
  traceEvery?: number | 'auto'
  /** Seed of the minibatches; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
  /** Seconds between checkpoints when a checkpoint file is named. Default 30. */
  checkpointSeconds?: number
}

/** One point of a trace, or of a running fit. */
export interface LinearTracePoint {

  /** Steps of the algorithm done. */
  step: number

  /** Data passes: example gradients evaluated divided by n, certificates not counted. */
  passes: number

  /** Seconds of solving, certificates included. */
  seconds: number

  /** P(w): mean loss + l1 |w|₁ + l2/2 |w|². */
  objective: number

  /** Minibatches asked for; a full gradient counts n/b. */
  queries: number

  /** The best dual value so far, a lower bound on min P. */
  dual: number

  /** objective − dual, an upper bound on P(w) − min P. */
  gap: number

}

/** @internal */
export const linearTraceColumns = ['step', 'passes', 'seconds', 'objective', 'queries', 'dual', 'gap'] as const satisfies (keyof LinearTracePoint)[]

/** Options of the model: Boosted residual classifier. */
export interface BoostingOptions {
  /** Classes. (K) Default 2. */
  outputs?: number
  /** Mean over rows of the softmax cross-entropy, or of Σ_k softplus(1 − (z_y − z_k)). Default "logistic". */
  loss?: 'logistic' | 'smooth-hinge'
  /** Residual layers that are added. (T) Default 30. */
  rounds?: number
  /** Units of a hidden layer of an embedding. Default 100. */
  width?: number
  /** Hidden layers of an embedding. Default 4. */
  depth?: number
  /** Weights of an embedding start uniform on ± this; auto: √(6/inputs) of each layer, which keeps the size of what passes through. The papers' code has 0.05. Default "auto". */
  initialWeights?: number | 'auto'
  /** Weight of half the sum of squared weights of the linear model; auto: 1/n. (λ2) Default "auto". */
  l2?: number | 'auto'
  /** Passes of a fit of the linear model at most. Default 100. */
  linearEpochs?: number
  /** Passes without 0.1 % less before a fit of the linear model ends; 0: never. Default 0. */
  linearPatience?: number
  /** Learning rate of the linear model; auto: searched for in round 0. Default "auto". */
  linearRate?: number | 'auto'
  /** Weight of half the sum of squared weights of the embedding; auto: 1/n. Default "auto". */
  embeddingL2?: number | 'auto'
  /** Passes of a fit of the embedding at most. Default 50. */
  embeddingEpochs?: number
  /** Passes without 0.1 % less before a fit of the embedding ends; 0: never. Default 10. */
  embeddingPatience?: number
  /** Learning rate of the embedding; auto: searched for in round 0. Default "auto". */
  embeddingRate?: number | 'auto'
  /** Nesterov momentum of both fits. (μ) Default 0.9. */
  momentum?: number
  /** Rows of a minibatch of both fits; the last one of a pass may be smaller. (b) Default 100. */
  minibatch?: number
  /** Minibatches that a learning rate is tried for before it is judged. Default 1000. */
  searchSteps?: number
  /** Give each layer a part of the rows of its own, n/T of them, as the bound on the expected risk asks for. Default false. */
  sampleSplitting?: boolean
}

/** Residual functional gradient boosting. Nitanda, Suzuki, ICML 2018, Algorithm 1. */
export interface ResidualBoostingOptions {
  name: 'residual-boosting'
  /** Step of a layer; auto: n ⟨G, K G⟩/(A ‖K G‖²) with A = ‖W‖²/2, or K‖W‖²/4 for the smooth hinge, which is what the bound on the curvature of the loss proves, doubled as long as the loss falls by half of what its slope promises. (η) Default "auto". */
  step?: number | 'auto'
  /** After the last layer of an embedding. The papers' code has relu, where few features leave few units and those may all die. Default "identity". */
  embeddingOutput?: 'identity' | 'relu'
}

/** Residual boosting by the Frank-Wolfe method. Nitanda, Suzuki, AISTATS 2020. */
export interface FrankWolfeOptions {
  name: 'frank-wolfe'
  /** Layer l has the step 2/(offset + l); with 2, layer 0 leaves nothing of the inputs themselves. Default 2. */
  offset?: number
}

export type BoostingAlgorithmName = 'residual-boosting' | 'frank-wolfe'

export type BoostingAlgorithm = BoostingAlgorithmName | ResidualBoostingOptions | FrankWolfeOptions

/** Options of a run of the model: Boosted residual classifier. */
export interface BoostingRunOptions {
  /** Budget in seconds of solving; auto: none. Default "auto". */
  seconds?: number | 'auto'
  /** Stop once the objective is at or below this; auto: never. Default "auto". */
  targetObjective?: number | 'auto'
  /** Seed of weights and minibatches; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
  /** Seconds between checkpoints when a checkpoint file is named. Default 30. */
  checkpointSeconds?: number
}

/** One point of a trace, or of a running fit. */
export interface BoostingTracePoint {

  /** Layers. */
  step: number

  /** Rows that minibatches of the inner problems have looked at, searches included, divided by n. */
  passes: number

  /** Seconds of solving, evaluations of the trace included. */
  seconds: number

  /** Mean training loss + l2/2 ‖W‖² of the linear model on the features after these layers. */
  objective: number

  /** Mean training loss. */
  loss: number

  /** Training accuracy. */
  score: number

  /** Mean loss on the validation data; NaN without. */
  validationLoss: number

  /** Accuracy on the validation data; NaN without. */
  validationScore: number

  /** Σ ‖G_i‖ of the functional gradient, the derivative of the mean loss in the features of each row. */
  gradientL1: number

  /** √(n Σ ‖G_i‖²), at least gradientL1: the norm in the space of functions of the training rows. */
  gradientL2: number

  /** ⟨G, Z⟩ + ‖e1ᵀ G‖: the largest ⟨G, Z − s⟩ over the unit ball of the last input embedding; below 0 only where Z lies outside of it. NaN for other methods, and without layers. */
  frankWolfeGap: number

  /** Step of the last layer; NaN without. */
  layerStep: number

  /** What the embedding of the last layer was fitted to: its mean plus penalty; NaN without. */
  embeddingObjective: number

  /** Margin z_y − max z_k, the 5 % quantile over the training rows. */
  margin05: number

  /** 25 % quantile. */
  margin25: number

  /** 50 % quantile. */
  margin50: number

  /** 75 % quantile. */
  margin75: number

  /** 95 % quantile. */
  margin95: number

}

/** @internal */
export const boostingTraceColumns = ['step', 'passes', 'seconds', 'objective', 'loss', 'score', 'validationLoss', 'validationScore', 'gradientL1', 'gradientL2', 'frankWolfeGap', 'layerStep', 'embeddingObjective', 'margin05', 'margin25', 'margin50', 'margin75', 'margin95'] as const satisfies (keyof BoostingTracePoint)[]

/** Options of the model: Two-layer network in the tangent-kernel regime. */
export interface KernelRegimeOptions {
  /** Neurons of each output's network, an even number: every direction is there twice, with both signs. (M) Default 1000. */
  width?: number
  /** Activation; swish u/(1 + exp(-s u)) and softplus log(1 + exp(s u))/s are smooth ReLUs of sharpness s, tanh is tanh(s u)/s. Default "swish". */
  activation?: 'swish' | 'relu' | 'softplus' | 'tanh'
  /** Sharpness of the activation; auto: 10 for swish and softplus, 1 for tanh. ReLU has none. (s) Default "auto". */
  sharpness?: number | 'auto'
  /** Size of the output weights at the start, +R and -R. (R) Default 1. */
  outputScale?: number
  /** Scale of the bias channel: the neurons see (x, γ), and the bias weights start at 0. (γ) Default 1. */
  biasScale?: number
  /** Layers that are trained: output weights, input weights with biases, or both. Default "both". */
  layers?: 'both' | 'output' | 'input'
  /** Weight of half the squared distance of the parameters from their start; auto: Tr(Σ) n^(-d/(2d-1)), Corollary 2 with r = 1/2. (λ) Default "auto". */
  ridge?: number | 'auto'
}

/** Averaged stochastic gradient descent. Nitanda, Suzuki, ICLR 2021, arXiv 2006.12297, Algorithm 1. */
export interface AveragedSgdOptions {
  name: 'averaged-sgd'
  /** Step size; auto: 1/(4 (κ + λ)) with κ the largest k(x, x) over the training rows, Theorem 1. (η) Default "auto". */
  step?: number | 'auto'
  /** Rows of a step. (m) Default 1. */
  minibatch?: number
}

export type KernelRegimeAlgorithmName = 'averaged-sgd'

export type KernelRegimeAlgorithm = KernelRegimeAlgorithmName | AveragedSgdOptions

/** Options of a run of the model: Two-layer network in the tangent-kernel regime. */
export interface KernelRegimeRunOptions {
  /** Budget in steps, one minibatch each; auto: none when passes or seconds is given, else one pass over the rows, or 10000 steps where these are more. (T) Default "auto". */
  steps?: number | 'auto'
  /** Budget in data passes. The first takes every row once, as a stream does; each further one takes them in another order, beyond what the theory covers; auto: none. Default "auto". */
  passes?: number | 'auto'
  /** Budget in seconds of solving; auto: none. Default "auto". */
  seconds?: number | 'auto'
  /** Stop once the objective is at or below this; auto: never. Default "auto". */
  targetObjective?: number | 'auto'
  /** Steps between trace points; auto: some, half a pass apart as the run gets longer. Default "auto". */
  traceEvery?: number | 'auto'
  /** Seed of directions and order of the rows; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
  /** Seconds between checkpoints when a checkpoint file is named. Default 30. */
  checkpointSeconds?: number
  /** Compare with the minimum of the linearized problem at the end. Default true. */
  certificate?: boolean
}

/** One point of a trace, or of a running fit. */
export interface KernelRegimeTracePoint {

  /** Steps of the algorithm done. */
  step: number

  /** Rows looked at divided by n. */
  passes: number

  /** Seconds of solving, evaluations of the trace included. */
  seconds: number

  /** Mean loss + ridge/2 · distance, at the averaged parameters. */
  objective: number

  /** Mean over the rows of half the squared error, summed over outputs. */
  loss: number

  /** |Θ̄ − Θ(0)|². */
  distance: number

  /** The same mean on the validation data; NaN without. */
  validationLoss: number

}

/** @internal */
export const kernelRegimeTraceColumns = ['step', 'passes', 'seconds', 'objective', 'loss', 'distance', 'validationLoss'] as const satisfies (keyof KernelRegimeTracePoint)[]

/** Particles on the torus fitted to points by the squared maximum mean discrepancy. Chizat, TMLR 2022, arXiv 2202.01009. */
export interface ParticleMeasureOptions {
  /** Number of particles. (M) Default 50. */
  particles?: number
  /** Step size. (η) Default 0.08. */
  step?: number
  /** Weight of the entropy at the start; 0 is plain gradient descent. (τ) Default 0.1. */
  temperature?: number
  /** Temperature at step t: τ times 1, 2^-⌊t/100⌋, 1/log(e + t) or 1/(1 + t). Default "constant". */
  annealing?: 'constant' | 'geometric' | 'logarithmic' | 'harmonic'
  /** Fraction of the steps, the last ones, without noise. Default 0.2. */
  quietFraction?: number
  /** Frequencies of the kernel along each coordinate. (J) Default 5. */
  frequencies?: number
}

/** Minimax game of two distributions on the line. Kim, Yamamoto, Oko, Yang, Suzuki, ICLR 2024, arXiv 2312.01127. */
export interface MinimaxGameOptions {
  /** Payoff Q(x, y): 1/(1 + exp(-(x-y)²)), exp(-(x-y)²/2), or xy. Default "sigmoid". */
  game?: 'sigmoid' | 'gaussian' | 'product'
  /** How the players move: against each other's present, averaged past, or towards best responses. Default "averaged-gradient". */
  method?: 'descent-ascent' | 'averaged-gradient' | 'best-response'
  /** Particles of each player. (N) Default 1000. */
  particles?: number
  /** Step size. (η) Default 0.3. */
  step?: number
  /** Weight of the divergences from the prior. (λ) Default 0.01. */
  entropy?: number
  /** Inverse variance of the prior ρ. Default 1. */
  curvature?: number
  /** Step k has weight k^r in the averages of averaged-gradient. (r) Default 1. */
  weightPower?: number
  /** Share of the best response mixed in at each step of best-response. (β) Default 0.15. */
  mixing?: number
  /** Langevin steps towards each best response of best-response. (K) Default 10. */
  innerSteps?: number
}

/** Options of a run of a particle measure or a game. */
export interface MeasureRunOptions {
  /** Steps of the method. (T) Default 1000. */
  steps?: number
  /** Steps between trace points. Default 10. */
  traceEvery?: number
  /** Seed of the counter-based generator; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
}

/** Options of a run: how long, when to stop, what to record. */
export interface RunOptions {
  /** Budget in steps of the algorithm; auto: none when passes or seconds is given, else the algorithm's own number. (T) Default "auto". */
  steps?: number | 'auto'
  /** Budget in data passes: gradient evaluations per particle divided by n; auto: none. Default "auto". */
  passes?: number | 'auto'
  /** Budget in seconds of solving; auto: none. Default "auto". */
  seconds?: number | 'auto'
  /** Stop once the objective is at or below this; auto: never. Default "auto". */
  targetObjective?: number | 'auto'
  /** Stop once the objective has not fallen by this fraction of itself over `patience` trace points; 0: never. Default 0. */
  tolerance?: number
  /** Trace points that `tolerance` looks back on. Default 10. */
  patience?: number
  /** Steps between trace points; auto: at most 512 points, thinned evenly as the run gets longer, and half a pass apart where a step sees only a part of the rows, since a point looks at all of them. Default "auto". */
  traceEvery?: number | 'auto'
  /** Seed of the counter-based generator; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
  /** Seconds between checkpoints when a checkpoint file is named. Default 30. */
  checkpointSeconds?: number
  /** Estimate primal, dual and gap at the end (needs noise and ridge above 0). Default true. */
  certificate?: boolean
  /** Draws from the prior for the log-partition function; auto: 20000, fewer where data are large. A number lifts the bound on the work of the certificate. (S) Default "auto". */
  certificateDraws?: number | 'auto'
  /** Entropy of the certificate; auto: nearest neighbours up to 10 numbers a particle, else the mixture. Default "auto". */
  certificateEstimator?: 'auto' | 'nearest-neighbours' | 'mixture' | 'two-sample'
  /** Steps between certificates along the run, each a trace point; auto: only one at the end. Default "auto". */
  certificateEvery?: number | 'auto'
}

/** One point of a trace, or of a running fit. */
export interface TracePoint {

  /** Steps of the algorithm done. */
  step: number

  /** Data passes: gradient evaluations per particle divided by n. */
  passes: number

  /** Seconds of solving, evaluations of the trace included. */
  seconds: number

  /** F(q): mean training loss + ridge · E‖θ‖², without the entropy. */
  objective: number

  /** Mean training loss. */
  loss: number

  /** E‖θ‖² over the particles. */
  secondMoment: number

  /** Training accuracy, or R² for the squared and Huber losses. */
  score: number

  /** Mean loss on the validation data; NaN without. */
  validationLoss: number

  /** Accuracy or R² on the validation data; NaN without. */
  validationScore: number

  /** L(q) = F(q) + entropy term, estimated; NaN where certificateEvery asks for none. */
  primal: number

  /** D(g(q)), a lower bound of the optimum, estimated; NaN likewise. */
  dual: number

  /** primal − dual = λ KL(q‖p_q); NaN likewise. */
  gap: number

  /** Standard error of the gap; NaN likewise. */
  gapError: number

}

/** @internal */
export const traceColumns = ['step', 'passes', 'seconds', 'objective', 'loss', 'secondMoment', 'score', 'validationLoss', 'validationScore', 'primal', 'dual', 'gap', 'gapError'] as const satisfies (keyof TracePoint)[]
