import type { TracePoint } from '../../../lib/generated/catalogue'
import { type MeanFieldFit, MeanFieldNetwork } from '../../../lib/models'
import { three } from './fixtures'

// Never called: these lines are checked by the compiler.
export async function types(net: MeanFieldNetwork): Promise<void> {
  new MeanFieldNetwork({ particles: 10, ridge: 'auto', loss: 'auto', activation: 'relu', scale: 'minmax' })
  new MeanFieldNetwork({ algorithm: 'dual-averaging' })
  new MeanFieldNetwork({ algorithm: { name: 'dual-averaging', step: 'auto', innerSteps: 3 } })
  // @ts-expect-error an unknown option
  new MeanFieldNetwork({ partciles: 10 })
  // @ts-expect-error the number of outputs follows from the data
  new MeanFieldNetwork({ outputs: 3 })
  // @ts-expect-error a text for a number
  new MeanFieldNetwork({ particles: '10' })
  // @ts-expect-error entropy cannot be 'auto'
  new MeanFieldNetwork({ entropy: 'auto' })
  // @ts-expect-error no such activation
  new MeanFieldNetwork({ activation: 'tahn' })
  // @ts-expect-error no such algorithm
  new MeanFieldNetwork({ algorithm: 'adam' })
  // @ts-expect-error an option of another algorithm
  new MeanFieldNetwork({ algorithm: { name: 'langevin', innerSteps: 3 } })
  // @ts-expect-error options of an algorithm without its name
  new MeanFieldNetwork({ algorithm: { step: 1 } })
  const run: Promise<MeanFieldFit> & AsyncIterable<TracePoint> = net.fit(three, { steps: 10, device: 'cuda:1' })
  // @ts-expect-error an unknown option
  net.fit(three, { sed: 1 })
  // @ts-expect-error a device of another kind
  net.fit(three, { device: 'gpu' })
  // @ts-expect-error rows without targets
  net.fit([[1, 2]])
  const fit = await run
  const columns: Float64Array[] = [fit.trace.step, fit.trace.objective, fit.trace.validationLoss]
  // @ts-expect-error no such column
  fit.trace.gradient
  // @ts-expect-error there may be none
  fit.certificate.gap
  const outputs: Float32Array = await net.predict(new Float64Array(4))
  void [columns, outputs]
}
