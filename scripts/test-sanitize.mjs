// The native suite under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer.
import { main } from './lib.mjs'
import { runNativeTests } from './test-native.mjs'

main(() => {
  for (const sanitizer of ['address', 'thread']) {
    const start = Date.now()
    const { passed, failed } = runNativeTests(sanitizer)
    console.log(`${sanitizer}: ${passed} passed, ${failed} failed in ${((Date.now() - start) / 1000).toFixed(0)} s`)
    if (failed > 0) process.exitCode = 1
  }
})
