// Looks for what cannot be installed by npm: a C++17 compiler and CMake. One sentence says what is missing.
import { spawnSync } from 'node:child_process'

const answers = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

export function checkToolchain() {
  const missing = []
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  if (!compilers.some(answers)) missing.push('a C++17 compiler')
  if (!answers('cmake')) missing.push('CMake')
  if (missing.length === 0) return
  const command =
    process.platform === 'darwin'
      ? "'xcode-select --install' and 'brew install cmake'"
      : "'apt-get install g++ make cmake'"
  throw new Error(`Building meanfield needs ${missing.join(' and ')}: install with ${command}.`)
}
