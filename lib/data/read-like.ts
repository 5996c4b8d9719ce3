/** Files that are read as another was. */
import { Dataset } from './dataset'

type Options = Omit<Parameters<typeof Dataset.fromFile>[1], 'classes' | 'encoding'>

/** A test set, whose labels and categories are numbered as those of its training set. Errors as of Dataset.fromFile. */
export function readLike({ classes, encoding }: Dataset, file: string, options: Options): Promise<Dataset> {
  return Dataset.fromFile(file, { ...options, ...(classes && { classes }), ...(encoding && { encoding }) })
}
