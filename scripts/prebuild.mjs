// Prebuilt binary for this platform: prebuilds/<platform>-<arch>/meanfield.<libc>.node, by prebuildify, whose compiler step
// is our own build (PREBUILD_NODE_GYP below).
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, root, run } from './lib.mjs'

main(() => {
  const shim = join(root, 'build/prebuild-node-gyp')
  mkdirSync(join(root, 'build'), { recursive: true })
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'scripts/build-native.mjs')}"\n`)
  chmodSync(shim, 0o755)
  const tag = process.platform === 'linux' ? ['--tag-libc'] : []
  run(
    process.execPath,
    ['node_modules/prebuildify/bin.js', '--napi', '--name', 'meanfield', ...tag, '--target', process.versions.node],
    {
      env: { MEANFIELD_CUDA_ARCHITECTURES: 'release', ...process.env, PREBUILD_NODE_GYP: shim },
    },
  )
})
