/** Which loss fits the data, and what targets, outputs and scores mean under it. */
import type { Dataset } from '../data'
import type { MeanFieldOptions } from '../generated/catalogue'
import { InvalidOptionError, type NativeTable, type OptionValues } from '../native'
import { listed, type Preparation, preparedClasses, preparedFeatures, preparedTargets } from './preparation'
import { logisticLoss, smoothHingeLoss, softmaxLoss } from './scores'

export type Loss = NonNullable<MeanFieldOptions['loss']>

const targetsOf: Record<Loss, 'numbers' | 'two classes' | 'classes'> = {
  squared: 'numbers',
  huber: 'numbers',
  logistic: 'two classes',
  'smooth-hinge': 'two classes',
  softmax: 'classes',
}

/** The loss asked for, when it fits the data; `'auto'` is squared for numbers, logistic for two classes, else softmax. */
export function chooseLoss(asked: Loss | 'auto', { classes }: Preparation): Loss {
  if (asked === 'auto') return !classes ? 'squared' : classes.length === 2 ? 'logistic' : 'softmax'
  const takes = targetsOf[asked]
  // A name that is none is refused by the native side, with those that there are.
  if (takes === undefined) return asked
  if (classes && takes === 'numbers')
    throw new InvalidOptionError(
      `loss is '${asked}', which takes numbers, but the targets are the classes ${listed(classes)}. Use logistic or softmax, ` +
        "or read the data with task: 'regression'.",
      { option: 'loss' },
    )
  if (!classes && takes !== 'numbers')
    throw new InvalidOptionError(
      `loss is '${asked}', which takes classes, but the targets are numbers. Use squared or huber, or read the data with ` +
        "task: 'classification'.",
      { option: 'loss' },
    )
  if (classes && classes.length !== 2 && takes === 'two classes')
    throw new InvalidOptionError(
      `loss is '${asked}', which takes two classes, but there are ${classes.length}: ${listed(classes)}. Use softmax.`,
      { option: 'loss' },
    )
  return asked
}

/** k */
export function outputsOf(loss: Loss, { classes, targetScalers }: Preparation): number {
  return classes && loss === 'softmax' ? classes.length : (targetScalers?.length ?? 1)
}

/** Targets as the loss takes them: n × k scaled numbers, n class indices (softmax), or n signs. */
function lossTargets(loss: Loss, { classes, targetScalers }: Preparation, data: Dataset): Float64Array {
  if (targetScalers) return preparedTargets(targetScalers, data)
  const indices = preparedClasses(classes ?? [], data)
  return loss === 'softmax' ? indices : indices.map((index) => 2 * index - 1)
}

/** What the addon reads: targets and scaled features. */
export async function tableOf(loss: Loss, preparation: Preparation, data: Dataset): Promise<NativeTable> {
  return { targets: lossTargets(loss, preparation, data), ...(await preparedFeatures(preparation, data)) }
}

/** The loss of one row of outputs against its class index. */
export function classLoss({ loss, lossWidth }: OptionValues): (z: Float32Array, target: number) => number {
  if (loss === 'softmax') return softmaxLoss
  const margin = (z: Float32Array, target: number) => (2 * target - 1) * (z[0] as number)
  if (loss === 'logistic') return (z, target) => logisticLoss(margin(z, target))
  return (z, target) => smoothHingeLoss(margin(z, target), Number(lossWidth))
}
