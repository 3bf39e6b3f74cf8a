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

test('a folder that holds other models as well is a folder of models', async () => {
  const folder = modelFolder({ '7/model.onnx': MODEL, 'scorer/2/model.onnx': MODEL, '8/3/model.onnx': MODEL })
  expect(await listed(folder)).toEqual({ 7: ['1'], 8: ['3'], scorer: ['2'] })
})
