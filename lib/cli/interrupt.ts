/** Ctrl-C and SIGTERM: the first asks the work to stop, the second ends the process at once. */

export interface Interrupt {
  readonly signal: AbortSignal
  /** Give the signals back to Node. */
  release(): void
}

export function onInterrupt(tell: () => void): Interrupt {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const handle = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      release()
      process.kill(process.pid, name)
      return
    }
    tell()
    controller.abort()
  }
  const release = () => {
    for (const name of signals) process.off(name, handle)
  }
  for (const name of signals) process.on(name, handle)
  return { signal: controller.signal, release }
}
