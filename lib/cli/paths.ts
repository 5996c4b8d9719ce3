/** Places to write to, looked at before the work whose result they are to hold. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { InvalidOptionError } from '../native/errors'

/** requireFilePlace of every flag that was given. */
export async function requireFilePlaces(places: Record<string, string | undefined>): Promise<void> {
  for (const [flag, path] of Object.entries(places)) if (path !== undefined) await requireFilePlace(path, flag)
}

/** Throws InvalidOptionError when no file can be put at `path`, the value of `flag`. */
export async function requireFilePlace(path: string, flag: string): Promise<void> {
  const refuse = (why: string) => new InvalidOptionError(`${flag} is '${path}'; ${why}`, { path })
  const found = await stat(path).catch(() => undefined)
  if (path === '' || found?.isDirectory()) throw refuse('that is a folder, expected the name of a file.')
  const folder = dirname(path)
  await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw refuse(
      error.code === 'ENOENT'
        ? `there is no folder '${folder}'; make it first.`
        : `the folder '${folder}' cannot be written to (${error.code}).`,
    )
  })
}
