import { PassThrough } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { ask, binaryBody, modelFolder, serve } from '../../../tests/serve-kit.ts'
import { inOne } from '../../engine/index.ts'
import { BodyBudget } from '../body-budget.ts'
import type { Server } from '../index.ts'
import type { Outcome } from '../router.ts'
import { readBody } from './body.ts'

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

test('the last few bytes of an announced body take the memory that they need', async () => {
  const stream = new PassThrough()
  const sent = Buffer.alloc(20_000, 7)
  const read = readBody(stream, sent.byteLength, 1 << 20, new BodyBudget(0).open())
  for (const [from, to] of [
    [0, 19_900],
    [19_900, 19_950],
    [19_950, 20_000],
  ] as const)
    stream.write(Buffer.from(sent.subarray(from, to)))
  stream.end()
  const pieces = await read
  expect(inOne(pieces)).toEqual(sent)
  expect(pieces.at(-1)!.buffer.byteLength).toBe(100)
})

const WIDE = 10_000
const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0)

test.each([true, false])(
  'a body is given back after its answer unless somebody holds it (%s)',
  async (holds) => {
    const folder = modelFolder({ 'sum.onnx': `g (float[N,${WIDE}] x) => (float[N,${WIDE}] y) { y = Add(x, x) }` })
    const outcomes: Outcome[] = []
    const router = {
      choose: ({ live }: { live: string }) => ({ version: live }),
      observe: (outcome: Outcome) => {
        if (holds) outcome.hold()
        outcomes.push(outcome)
      },
    }
    server = await serve(folder, { router })
    const values = Float32Array.from({ length: WIDE }, (_, i) => i % 8)
    const { body, headers } = binaryBody(
      {
        parameters: { binary_data_output: true },
        inputs: [
          { name: 'x', datatype: 'FP32', shape: [1, WIDE], parameters: { binary_data_size: values.byteLength } },
        ],
      },
      [values],
    )
    for (let turn = 0; turn < 3; turn++) {
      const answer = await ask(server.http, 'POST', '/v2/models/sum/infer', body, headers)
      expect(answer.status).toBe(200)
      const length = Number(answer.headers['inference-header-content-length'])
      expect(sum(new Float32Array(new Uint8Array(answer.body.subarray(length)).buffer))).toBe(2 * sum(values))
    }
    const left = outcomes.map(({ inputs }) => inputs[0]!.pieces.reduce((bytes, piece) => bytes + piece.byteLength, 0))
    if (holds) {
      expect(left).toEqual([values.byteLength, values.byteLength, values.byteLength])
      expect(outcomes[0]!.inputsDigest()).toBe(outcomes[2]!.inputsDigest())
    } else for (const bytes of left) expect(bytes).toBeLessThan(values.byteLength / 2)
  },
  60_000,
)
