// Generated from the native catalogue by scripts/generate.mjs. Do not edit.

/** Options of the model: Mean-field two-layer network. */
export interface MeanFieldOptions {
  /** Number of particles (neurons). (M) Default 1000. */
  particles?: number
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
  /** Steps of a round of the annealing. Default 100. */
  annealingSteps?: number
  /** Scale the ridge like the entropy, so that the prior stays the same. Default false. */
  annealRidge?: boolean
  /** Weights anywhere, or brought back to length 1 after every step (no prior, no certificate). Default "free". */
  geometry?: 'free' | 'sphere'
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
  /** Rows of each stochastic gradient, drawn without replacement; auto: ⌈√n⌉. (B) Default "auto". */
  minibatch?: number | 'auto'
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

/** Particle dual averaging, finite-sum form. Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Algorithm 1. */
export interface DualAveragingOptions {
  name: 'dual-averaging'
  /** Inner step size in the master objective's units (the paper's times λ); auto: 1/L. (η) Default "auto". */
  step?: number | 'auto'
  /** η_t = η t^(-stepDecay) at outer step t; the theory uses 2, the paper's experiments 1/2. Default 0. */
  stepDecay?: number
  /** Inner steps of the first outer step. (K_1) Default 10. */
  innerSteps?: number
  /** K_t = ⌈K_1 t^innerGrowth⌉; 0 is constant, the theory uses 2. Default 0. */
  innerGrowth?: number
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
  /** Sampler steps at each resampling. (K) Default 20. */
  innerSteps?: number
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
  /** Langevin steps towards each Gibbs response, from the previous one. (K) Default 20. */
  innerSteps?: number
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
  /** Steps between trace points; auto: at most 512 points, thinned evenly as the run gets longer. Default "auto". */
  traceEvery?: number | 'auto'
  /** Seed of the counter-based generator; the result is a function of data, options and seed. Default 0. */
  seed?: number
  /** Threads of this run; auto: the processors available. Does not change the result. Default "auto". */
  threads?: number | 'auto'
  /** Seconds between checkpoints when a checkpoint file is named. Default 30. */
  checkpointSeconds?: number
  /** Estimate primal, dual and gap at the end (needs noise and ridge above 0). Default true. */
  certificate?: boolean
  /** Draws from the prior for the log-partition function; auto: 20000, fewer where data are large. (S) Default "auto". */
  certificateDraws?: number | 'auto'
  /** Entropy of the certificate; auto: nearest neighbours up to 10 numbers a particle, else the mixture. Default "auto". */
  certificateEstimator?: 'auto' | 'nearest-neighbours' | 'mixture' | 'two-sample'
  /** Steps between certificates along the run, at trace points; auto: only one at the end. Default "auto". */
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

export const traceColumns = ['step', 'passes', 'seconds', 'objective', 'loss', 'secondMoment', 'score', 'validationLoss', 'validationScore', 'primal', 'dual', 'gap', 'gapError'] as const satisfies (keyof TracePoint)[]
