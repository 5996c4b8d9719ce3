/** The child process of the process executor: one trial after the other, until its parent lets go of it. */
import type { FromChild, ToChild } from './process'
import { runTrial } from './trial'

const send = (message: FromChild) => process.send?.(message, undefined, undefined, () => {})

let controller = new AbortController()
let goOn: ((answer: boolean) => void) | undefined

process.on('message', async (message: ToChild) => {
  if ('abort' in message) controller.abort()
  else if ('goOn' in message) goOn?.(message.goOn)
  else {
    controller = new AbortController()
    const memory = setInterval(() => send({ memory: process.memoryUsage.rss() }), 100)
    try {
      const onRung = (resource: number, value: number) =>
        new Promise<boolean>((resolve) => {
          goOn = resolve
          send({ rung: { resource, value } })
        })
      send({ outcome: await runTrial(message.run, { signal: controller.signal, onRung }) })
    } catch (error) {
      const { code, name, message: words } = error as Error & { code?: never }
      send({ error: { code, name, message: words } })
    } finally {
      clearInterval(memory)
    }
  }
})

// Ctrl-C reaches the whole group of the terminal; the parent decides what happens to the trial.
process.on('SIGINT', () => {})

// The parent is gone or done: stop, leave a checkpoint, end.
process.on('disconnect', () => {
  controller.abort()
  setTimeout(() => process.exit(), 5000).unref()
})
