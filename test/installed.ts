/** `test` where a package is installed; else `test.skip`, saying so. */
export function testWith(name: string): jest.It {
  try {
    require.resolve(name)
    return test
  } catch {
    console.warn(`tests that take ${name} are skipped: it is not installed.`)
    return test.skip
  }
}
