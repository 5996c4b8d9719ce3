/** A fitted model as a file: tensors, and in the metadata what else predictions need, as JSON. */
import { InvalidDataError } from '../native'
import { type Preparation, preparationFromJson, preparationToJson } from './preparation'
import { readTensors, type Tensor, writeTensors } from './safetensors'

export interface SavedModel {
  /** Name of the model as on the command line, for example `mean-field`. */
  model: string
  preparation: Preparation
  /** What only that model understands. */
  settings: Record<string, unknown>
  tensors: Map<string, Tensor>
}

const format = 'meanfield 1'

export async function writeModel(path: string, { model, preparation, settings, tensors }: SavedModel): Promise<void> {
  const metadata = new Map([
    ['format', format],
    ['model', model],
    ['preparation', JSON.stringify(preparationToJson(preparation))],
    ['settings', JSON.stringify(settings, written)],
  ])
  await writeTensors(path, { metadata, tensors })
}

export async function readModel(path: string): Promise<SavedModel> {
  const { metadata, tensors } = await readTensors(path)
  const found = metadata.get('format')
  if (found !== format)
    throw new InvalidDataError(
      found?.startsWith('meanfield ')
        ? `'${path}' is in the format '${found}'; this version reads '${format}'. Use the version that wrote it, or fit again.`
        : `'${path}' is not a model of this package.`,
      { path },
    )
  try {
    const settings: unknown = JSON.parse(metadata.get('settings') ?? '', read)
    if (typeof settings !== 'object' || settings === null) throw new Error('its settings are not an object.')
    return {
      model: metadata.get('model') ?? '',
      preparation: preparationFromJson(JSON.parse(metadata.get('preparation') ?? '')),
      settings: settings as Record<string, unknown>,
      tensors,
    }
  } catch (error) {
    throw new InvalidDataError(`'${path}' is damaged: ${(error as Error).message}`, { path }, { cause: error })
  }
}

// JSON has no NaN and no infinities; a certificate has.
const notFinite = ['NaN', 'Infinity', '-Infinity']
const written = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
const read = (_: string, value: unknown) => (notFinite.includes(value as string) ? Number(value) : value)
