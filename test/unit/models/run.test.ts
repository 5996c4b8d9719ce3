import { setImmediate } from 'node:timers/promises'
import { Run, type RunControls } from '../../../lib/models/run'
import { abortError } from '../../../lib/native/errors'

/** A run whose work is done by hand. */
function manual(signal?: AbortSignal) {
  let controls: RunControls<number> | undefined
  let resolve: (value: string) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const run = new Run<string, number>((given) => {
    controls = given
    return new Promise<string>((yes, no) => {
      resolve = yes
      reject = no
    })
  }, signal)
  return { run, controls: controls as RunControls<number>, resolve, reject }
}

describe('a run is a promise', () => {
  it('starts at once and resolves with the result of the work', async () => {
    const { run, controls, resolve } = manual()
    expect(controls.signal.aborted).toBe(false)
    resolve('done')
    expect(await run).toBe('done')
    expect(await run).toBe('done')
    expect(await run.then((text) => text.length)).toBe(4)
    expect(Object.prototype.toString.call(run)).toBe('[object Run]')
  })

  it('rejects with what the work throws, at once or later', async () => {
    const late = manual()
    late.reject(new Error('late'))
    await expect(late.run).rejects.toThrow('late')
    const early = new Run(() => {
      throw new Error('early')
    })
    expect(await early.catch((error) => (error as Error).message)).toBe('early')
  })

  it('calls finally on either end', async () => {
    const settled: string[] = []
    const good = manual()
    good.resolve('x')
    await good.run.finally(() => settled.push('good'))
    const bad = manual()
    bad.reject(new Error('bad'))
    await expect(bad.run.finally(() => settled.push('bad'))).rejects.toThrow('bad')
    expect(settled).toEqual(['good', 'bad'])
  })
})

describe('a run is an async iterable', () => {
  it('gives the latest point, skips those that nobody was ready for, and ends with the run', async () => {
    const { run, controls, resolve } = manual()
    const seen: number[] = []
    const reading = (async () => {
      for await (const point of run) seen.push(point)
    })()
    controls.emit(1)
    await setImmediate()
    controls.emit(2)
    controls.emit(3)
    controls.emit(4)
    await setImmediate()
    expect(seen).toEqual([1, 4])
    controls.emit(5)
    resolve('done')
    await reading
    expect(seen).toEqual([1, 4, 5])
    expect(await run).toBe('done')
  })

  it('gives a late reader the last point, and every reader all that it is ready for', async () => {
    const { run, controls, resolve } = manual()
    controls.emit(7)
    resolve('done')
    await run
    for (let reader = 0; reader < 2; reader++) {
      const seen: number[] = []
      for await (const point of run) seen.push(point)
      expect(seen).toEqual([7])
    }
  })

  it('ends without a point when there was none', async () => {
    const { run, resolve } = manual()
    resolve('done')
    for await (const point of run) throw new Error(`a point: ${point}`)
  })

  it('throws what the run was rejected with, after the points', async () => {
    const { run, controls, reject } = manual()
    controls.emit(1)
    reject(new Error('failed'))
    const seen: number[] = []
    await expect(
      (async () => {
        for await (const point of run) seen.push(point)
      })(),
    ).rejects.toThrow('failed')
    expect(seen).toEqual([1])
  })

  it('goes on when the reader leaves', async () => {
    const { run, controls, resolve } = manual()
    controls.emit(1)
    for await (const point of run) if (point === 1) break
    expect(controls.signal.aborted).toBe(false)
    resolve('done')
    expect(await run).toBe('done')
  })

  it('does not leave a rejection unhandled that the loop has told of', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    try {
      const { run, reject } = manual()
      const reading = (async () => {
        for await (const _ of run);
      })().catch(() => 'told')
      reject(new Error('failed'))
      expect(await reading).toBe('told')
      await setImmediate()
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listen)
    }
  })
})

describe('a run can be aborted', () => {
  it('is never started when the signal is already raised', async () => {
    let started = false
    const reason = new Error('changed my mind')
    const run = new Run(async () => {
      started = true
    }, AbortSignal.abort(reason))
    await expect(run).rejects.toMatchObject({ name: 'AbortError', code: 'MEANFIELD_CANCELLED', cause: reason })
    expect(started).toBe(false)
  })

  it('hands the abort and its reason to the work, whoever raised it', async () => {
    const controller = new AbortController()
    const outer = manual(controller.signal)
    controller.abort('outer')
    expect(outer.controls.signal).toMatchObject({ aborted: true, reason: 'outer' })
    outer.resolve('partial')
    expect(await outer.run).toBe('partial')

    const own = manual()
    own.run.abort('own')
    expect(own.controls.signal).toMatchObject({ aborted: true, reason: 'own' })
    own.resolve('partial')
    expect(await own.run).toBe('partial')
    own.run.abort('again')
  })

  it('lets go of the signal at its end', async () => {
    const controller = new AbortController()
    const { signal } = controller
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    const { run, controls, resolve } = manual(signal)
    expect(listeners).toBe(1)
    resolve('done')
    await run
    expect(listeners).toBe(0)
    controller.abort()
    run.abort()
    expect(controls.signal.aborted).toBe(false)
  })

  it.each([[{}], [null], ['signal'], [new AbortController()]])('refuses %p as a signal', async (signal) => {
    await expect(new Run(async () => 1, signal as unknown as AbortSignal)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringContaining('AbortController'),
    })
  })

  it('has an error of its own', () => {
    expect(abortError('why')).toMatchObject({ name: 'AbortError', code: 'MEANFIELD_CANCELLED', cause: 'why' })
  })
})
