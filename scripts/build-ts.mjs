// Compiles lib/ into an empty dist/: a module left from before, where a folder of its name is now, would be found first.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { main, root, run } from './lib.mjs'

main(() => {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
})
