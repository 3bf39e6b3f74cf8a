import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { modelFolder } from '../../../tests/serve-kit.ts'
import { folderSource } from './folder-source.ts'

const MODEL = 'g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }'
const listed = async (folder: string) =>
  Object.fromEntries((await folderSource(folder).list()).map(({ name, versions }) => [name, versions]))

test('a folder of nothing but versions is one model, also with settings of another server beside them', async () => {
  const folder = modelFolder({ 'scorer/1/model.onnx': MODEL, 'scorer/12/model.onnx': MODEL })
  expect(await listed(folder)).toEqual({ scorer: ['1', '12'] })
  const own = `${folder}/scorer`
  expect(await listed(own)).toEqual({ scorer: ['1', '12'] })
  expect(await folderSource(own).find('scorer', null)).toMatchObject({ version: '12', path: `${own}/12/model.onnx` })
})

test('the command that compares two versions names their files, as one word each', async () => {
  const folder = modelFolder({ 'my models/scorer/1/model.onnx': MODEL, 'my models/scorer/2/model.onnx': MODEL })
  const source = folderSource(`${folder}/my models`)
  await source.find('scorer', null)
  const file = (version: number) => `'${folder}/my models/scorer/${version}/model.onnx'`
  expect(source.comparison!('scorer', '1', '2')).toBe(`whet compare ${file(1)} ${file(2)} --data YOUR_ROWS`)
})

test('a folder that holds other models as well is a folder of models', async () => {
  const folder = modelFolder({ '7/model.onnx': MODEL, 'scorer/2/model.onnx': MODEL, '8/3/model.onnx': MODEL })
  expect(await listed(folder)).toEqual({ 7: ['1'], 8: ['3'], scorer: ['2'] })
})

test('files that no name leads to are named, with what is to be done', async () => {
  const folder = modelFolder({
    'my model (1).onnx': MODEL,
    'bert/bert.onnx': MODEL,
    'scorer.onnx': MODEL,
    'scorer/model.onnx': MODEL,
    'good.onnx': MODEL,
    'fine/2/model.onnx': MODEL,
  })
  const letters = 'use letters, digits, "_", "-" and "." in the name of the file or folder'
  expect(Object.keys(await listed(folder)).sort()).toEqual(['fine', 'good', 'scorer'])
  expect(await folderSource(folder).passedOver!()).toEqual([
    { file: `${folder}/my model (1).onnx`, hint: letters },
    { file: `${folder}/bert/bert.onnx`, hint: 'call the file model.onnx' },
    { file: `${folder}/scorer/model.onnx`, hint: 'there is another model called scorer: rename one' },
  ])
  // As `whet optimize` writes.
  const own = modelFolder({ 'model.onnx': MODEL, 'candidates/static-int8.onnx': MODEL })
  expect(await folderSource(own).passedOver!()).toEqual([])
})

test('settings of another server are named, since they are not read', async () => {
  const folder = modelFolder({ 'scorer/1/model.onnx': MODEL, 'scorer/2/model.onnx': MODEL, 'plain.onnx': MODEL })
  writeFileSync(`${folder}/scorer/config.pbtxt`, 'version_policy: { specific { versions: [1] } }')
  const named = [{ file: `${folder}/scorer/config.pbtxt`, hint: expect.stringMatching(/not read.*version_policy/) }]
  expect(await folderSource(folder).passedOver!()).toEqual(named)
  expect(await folderSource(`${folder}/scorer`).passedOver!()).toEqual(named)
})
