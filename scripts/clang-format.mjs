// The C++ in the style of .clang-format. Without an argument it says which files differ; --write formats them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, main, root } from './lib.mjs'

/** The files that are not formatted; with `write` they are. */
export async function unformatted(write = false) {
  const { format } = await import('@wasm-fmt/clang-format')
  const style = readFileSync(join(root, '.clang-format'), 'utf8')
  return filesUnder('native', 'test/native', 'bench/native').filter((file) => {
    if (!/\.(h|cpp|cu|inl)$/.test(file) || file.startsWith('native/third_party/')) return false
    const path = join(root, file)
    const text = readFileSync(path, 'utf8')
    const formatted = format(text, 'file.cpp', style)
    if (formatted === text) return false
    if (write) writeFileSync(path, formatted)
    return true
  })
}

if (process.argv[1] === import.meta.filename) {
  main(async () => {
    const write = process.argv.includes('--write')
    const files = await unformatted(write)
    for (const file of files) console.log(write ? `formatted ${file}` : `not formatted: ${file}`)
    if (files.length > 0 && !write) process.exitCode = 1
  })
}
