/** Every published experiment that can be run, in the order of `--all`. */
import { alignment } from './alignment'
import { amsvrg } from './amsvrg'
import { annealing } from './annealing'
import { digits } from './digits'
import { dualCoordinateAscent } from './dual-coordinate-ascent'
import { dualityGap } from './duality-gap'
import { ensemble } from './ensemble'
import type { Experiment } from './experiment'
import { fictitiousPlay } from './fictitious-play'
import { minibatchSize } from './minibatch-size'
import { minimax } from './minimax'
import { multiIndex } from './multi-index'
import { ntkLayers } from './ntk-layers'
import { ntkSpectrum } from './ntk-spectrum'
import { particles } from './particles'
import { pdaCircles } from './pda-circles'
import { pdaDensities } from './pda-densities'
import { pdaRate } from './pda-rate'
import { residualBoosting } from './residual-boosting'
import { sparseParity } from './sparse-parity'
import { svrgLangevin } from './svrg-langevin'
import { twoTimescale } from './two-timescale'

export const experiments: readonly Experiment[] = [
  digits,
  alignment,
  pdaDensities,
  pdaRate,
  pdaCircles,
  dualityGap,
  particles,
  svrgLangevin,
  sparseParity,
  dualCoordinateAscent,
  fictitiousPlay,
  ensemble,
  twoTimescale,
  annealing,
  multiIndex,
  minimax,
  minibatchSize,
  amsvrg,
  residualBoosting,
  ntkSpectrum,
  ntkLayers,
]

export { atLeast, atMost, type Claim } from './claim'
export { type Context, type Experiment, type Findings, type Reproduction, runExperiment } from './experiment'
