import { expect, test } from 'vitest'
import { modelFile, newFolder, putImage } from '../../../tests/store-kit.ts'
import { openStore } from '../../store/index.ts'
import { storeSource } from './store-source.ts'

test('what another tool has put beside the versions is no version, and is named', async () => {
  const place = newFolder()
  const { version } = await openStore(place).put('digits', { model: modelFile(place, 'm.onnx') }, { tag: 'v1' })
  putImage(place, 'digits', 'app')
  const source = storeSource(place, null)
  expect(await source.list()).toEqual([{ name: 'digits', versions: ['v1'] }])
  expect(await source.find('digits', null)).toMatchObject({ version: 'v1', digest: version.modelDigest })
  expect(await source.passedOver!()).toEqual([{ file: 'digits:app', hint: expect.stringContaining('no model') }])
  // Asked for by its tag, it is what was asked for.
  await expect(storeSource(place, 'digits:app').find('digits', null)).rejects.toThrow('is not a model')
})
