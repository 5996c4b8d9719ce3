/**
 * Residual functional gradient boosting on letter recognition: each layer moves the rows along the smoothed functional gradient, and
 * the linear model on top gets better from layer to layer; the Frank-Wolfe form, whose layers also see the inputs, does too.
 *
 * Nitanda, Suzuki, ICML 2018 (min-max scaling, first 15,000 rows to learn from) and AISTATS 2020. Data: Slate, UCI 1991, CC BY 4.0.
 */
import { join } from 'node:path'
import { Dataset } from '../data'
import { type BoostingFit, type BoostingModelOptions, ResidualBoosting } from '../models'
import type { Figure, Series } from '../report'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'

interface Settings {
  trainRows: number
  rounds: number
  frankWolfeRounds: number
  /** Of both. */
  common: BoostingModelOptions
  residual: BoostingModelOptions
  frankWolfe: BoostingModelOptions
  /** Test accuracies that must be reached, and how far above the linear model on the inputs. */
  bounds: { residual: number; frankWolfe: number; gain: number }
}

/** Smaller embeddings and fewer passes than the paper's, with the step of the search. */
export const residualBoostingSettings: Settings = {
  trainRows: 15_000,
  rounds: 10,
  frankWolfeRounds: 8,
  common: {
    width: 100,
    depth: 3,
    l2: 1e-6,
    embeddingL2: 1e-6,
    linearEpochs: 20,
    embeddingEpochs: 20,
    searchSteps: 500,
  },
  residual: { scale: 'minmax' },
  // Inputs between 0 and 1, and larger rates, leave its embeddings saturated in one direction.
  frankWolfe: { scale: 'standard', algorithm: 'frank-wolfe', embeddingRate: 0.005 },
  bounds: { residual: 0.94, frankWolfe: 0.92, gain: 0.15 },
}

/** The settings of the paper's code for these data. */
const published: Settings = {
  ...residualBoostingSettings,
  rounds: 21,
  frankWolfeRounds: 21,
  common: {
    width: 1000,
    depth: 3,
    l2: 1e-6,
    embeddingL2: 1e-6,
    linearEpochs: 100,
    embeddingEpochs: 100,
    searchSteps: 10_000,
    initialWeights: 0.05,
  },
  residual: { scale: 'minmax', algorithm: { name: 'residual-boosting', step: 1e-2, embeddingOutput: 'relu' } },
  bounds: { residual: 0.97, frankWolfe: 0.92, gain: 0.15 },
}

export const residualBoosting: Experiment = {
  id: 'residual-boosting',
  title: 'Layer by layer along the functional gradient',
  source: 'Nitanda, Suzuki, ICML 2018, Table 1 and AISTATS 2020; data: Slate, UCI 1991, CC BY 4.0',
  summary:
    'Twenty-six letters are told apart by 16 numbers. Residual layers, each a step along the functional gradient smoothed by a fitted ' +
    'embedding, move the rows so that a linear model on top gets them right; the same linear model on the inputs gets three quarters. ' +
    'The default has embeddings of width 100 and 20 passes a fit; --full has those of the paper, width 1000 and 100 passes, and takes hours.',
  measure: (context) => measureResidualBoosting(context.full ? published : residualBoostingSettings, context),
}

export async function measureResidualBoosting(settings: Settings, context: Context): Promise<Findings> {
  const { trainRows, rounds, frankWolfeRounds, common, bounds } = settings
  const data = await Dataset.fromCsv(join(__dirname, '..', '..', 'data', 'letter.csv.gz'), { target: 'label' })
  const rows = (from: number, to: number) => data.subset(Array.from({ length: to - from }, (_, i) => from + i))
  const [train, test] = [rows(0, trainRows), rows(15_000, data.rows)]
  const { seed, threads, signal, onProgress } = context
  const boost = async (name: string, begun: number, options: BoostingModelOptions) => {
    const model = new ResidualBoosting({ ...common, ...options })
    const run = model.fit(train, { validation: test, seed, ...(threads && { threads }), ...(signal && { signal }) })
    for await (const { step, validationScore } of run)
      onProgress?.(
        (begun + step) / (rounds + frankWolfeRounds),
        `${name}, layer ${step}: ${validationScore.toFixed(3)}`,
      )
    return completed(await run)
  }
  const residual = await boost('residual-boosting', 0, { ...settings.residual, rounds })
  const wolfe = await boost('frank-wolfe', rounds, { ...settings.frankWolfe, rounds: frankWolfeRounds })
  const last = ({ trace }: BoostingFit) => trace.validationScore.at(-1) as number
  const inputs = residual.trace.validationScore[0] as number
  const rises = residual.trace.objective.filter((value, t, all) => t > 0 && value > (all[t - 1] as number)).length
  return {
    claims: [
      atLeast(`residual-boosting: test accuracy with ${rounds} layers`, last(residual), bounds.residual),
      atLeast('residual-boosting: test accuracy above that of the linear model', last(residual) - inputs, bounds.gain),
      atMost('residual-boosting: layers after which the objective is larger', rises, 0),
      atLeast(`frank-wolfe: test accuracy with ${frankWolfeRounds} layers`, last(wolfe), bounds.frankWolfe),
    ],
    figures: figures({ 'residual-boosting': residual, 'frank-wolfe': wolfe }),
    settings: listSettings({ trainRows, testRows: test.rows, rounds, frankWolfeRounds, ...common }, seed),
  }
}

function figures(fits: Record<string, BoostingFit>): Figure[] {
  const curves = (column: keyof BoostingFit['trace'], words = '', dash = 0): Series[] =>
    Object.entries(fits).map(([name, { trace }], color) => ({
      name: `${name}${words}`,
      x: trace.step,
      y: trace[column],
      color,
      dash,
    }))
  return [
    {
      id: 'residual-boosting-accuracy',
      title: 'A linear model gets better on top of every layer',
      description: 'Part of the rows that is right, by the number of layers; 0 is the linear model on the inputs.',
      xLabel: 'layers',
      yLabel: 'accuracy',
      series: [...curves('validationScore', ', test'), ...curves('score', ', training', 1)],
    },
    {
      id: 'residual-boosting-gradient',
      title: 'What is left of the functional gradient',
      description: 'Σ‖G_i‖ over the training rows, by the number of layers.',
      xLabel: 'layers',
      yLabel: 'norm of the functional gradient',
      yScale: 'log',
      series: curves('gradientL1'),
    },
  ]
}
