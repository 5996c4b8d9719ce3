import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Dataset } from '../../../lib/data'
import { MeanFieldNetwork, type MeanFieldNetworkOptions } from '../../../lib/models'
import { readTensors, writeTensors } from '../../../lib/models/safetensors'
import { curve, fitted, numbers, quick, rings, same, temporaryFolder, three } from './fixtures'

const { folder, place } = temporaryFolder()

describe('a saved network', () => {
  it.each([
    ['numbers', numbers, { scale: 'minmax', activation: 'relu' }],
    [
      'several outputs',
      Dataset.fromArrays(
        curve.features,
        Array.from(curve.targets, (y) => [y, -y]),
      ),
      {},
    ],
    ['two classes', rings, { loss: 'smooth-hinge', lossWidth: 0.5, bias: false }],
    ['three classes', three, { algorithm: { name: 'dual-averaging', innerSteps: 3 }, scale: 'none' }],
  ] as [string, Dataset, MeanFieldNetworkOptions][])('is the same network (%s)', async (name, data, options) => {
    const { net, fit } = await fitted(data, options)
    await net.save(place(name))
    const loaded = await MeanFieldNetwork.load(place(name))
    expect(same(loaded.particles, net.particles)).toBe(true)
    expect(same(await loaded.predict(data), await net.predict(data))).toBe(true)
    expect(await loaded.score(data)).toEqual(await net.score(data))
    expect(loaded.options).toEqual(net.options)
    expect(loaded.classes).toEqual(net.classes)
    expect(loaded.featureNames).toEqual(net.featureNames)
    const { trace: _, snapshots: __, ...summary } = fit
    expect(net.summary).toEqual(summary)
    expect(loaded.summary).toEqual(summary)
    await loaded.save(place(`${name} again`))
    expect(readFileSync(place(`${name} again`)).equals(readFileSync(place(name)))).toBe(true)
    // And can be trained again, from its options.
    const again = await loaded.fit(data, quick)
    expect(again.objective).toBe(fit.objective)
  })

  it('names the file that is none, and what is wrong with it', async () => {
    const { net } = await fitted(three)
    await net.save(place('good'))
    const whole = readFileSync(place('good'))
    writeFileSync(place('cut'), whole.subarray(0, whole.length - 4))
    writeFileSync(place('text'), 'label,x\n'.repeat(100))
    const { metadata, tensors } = await readTensors(place('good'))
    const changed = async (name: string, key: string, value: string) => {
      const other = new Map(metadata).set(key, value)
      await writeTensors(place(name), { metadata: other, tensors })
    }
    await changed('future', 'format', 'meanfield 99')
    await changed('foreign', 'format', 'pt')
    await changed('kind', 'model', 'linear')
    await changed('settings', 'settings', '{}')
    await changed('json', 'settings', '{')
    await changed('null', 'settings', 'null')
    await changed('preparation', 'preparation', '{"featureNames":[]}')
    const settings = JSON.parse(metadata.get('settings') as string)
    await changed('fewer', 'settings', JSON.stringify({ ...settings, model: { ...settings.model, outputs: 2 } }))
    await writeTensors(place('empty'), { metadata, tensors: new Map() })
    copyFileSync(place('good'), place('copy'))
    await MeanFieldNetwork.load(place('copy'))
    for (const [name, message] of [
      ['missing', /ENOENT/],
      ['cut', /cut off/],
      ['text', /is not a model/],
      ['future', /format 'meanfield 99'.*reads 'meanfield 1'/],
      ['foreign', /is not a model of this package/],
      ['kind', /does not hold a mean-field network/],
      ['settings', /does not hold a mean-field network/],
      ['json', /is damaged/],
      ['null', /does not hold a mean-field network|is damaged/],
      ['preparation', /is damaged: the names of the features/],
      ['fewer', /is damaged.*3 classes.*2 outputs/],
      ['empty', /does not hold a mean-field network/],
    ] as const)
      await expect(MeanFieldNetwork.load(place(name))).rejects.toMatchObject({
        code: 'MEANFIELD_INVALID_DATA',
        message: expect.stringMatching(message),
        details: { path: place(name) },
      })
  })

  it('is not written where there is no place', async () => {
    const { net } = await fitted(three)
    await expect(net.save(join(folder, 'no', 'where'))).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_DATA',
      message: expect.stringContaining('could not be written'),
    })
    expect(existsSync(join(folder, 'no'))).toBe(false)
  })
})
