import { join } from 'node:path'
import { Dataset } from '../../../lib/data'

const shipped = (file: string) => join(__dirname, '../../../data', file)
const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0)

describe('the shipped files', () => {
  it.each([
    // rows, features and classes as data/README.md tells
    ['digits.csv.gz', 1797, 64, '0 1 2 3 4 5 6 7 8 9'],
    ['letter.csv.gz', 20000, 16, 'A B C D E F G H I J K L M N O P Q R S T U V W X Y Z'],
    ['spam.csv.gz', 4601, 57, 'nonspam spam'],
    ['breast-cancer.csv', 569, 30, 'benign malignant'],
  ])('%s is classification', async (file, rows, columns, classes) => {
    const data = await Dataset.fromCsv(shipped(file), { target: 'label' })
    expect([data.rows, data.columns, data.targetColumns, data.task]).toEqual([rows, columns, 1, 'classification'])
    expect(data.classes).toEqual(classes.split(' '))
    expect(data.features).toHaveLength(rows * columns)
    expect(new Set(data.targets).size).toBe(data.classes?.length)
    expect(data.featureNames).not.toContain('label')
  })

  it('diabetes.csv is regression', async () => {
    const data = await Dataset.fromCsv(shipped('diabetes.csv'), { target: 'progression' })
    expect([data.rows, data.columns, data.task, data.classes]).toEqual([442, 10, 'regression', undefined])
    // The mean of the published target is 152.133…
    expect(sum(data.targets)).toBe(67243)
  })
})
