import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bench } from './command.ts'
import { hasPostgres, type OwnPostgres, startPostgres } from './postgres-kit.ts'
import { ask } from './serve-kit.ts'

const PATIENCE = 240_000
const bench = new Bench()
let postgres: OwnPostgres | null = null
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres()
}, PATIENCE)
afterAll(() => {
  postgres?.stop()
  bench.remove()
})

/** A version of a model that chooses between two classes; `weights` are those of a 2×2 matrix. */
function version(name: string, weights: string): void {
  mkdirSync(bench.path('models', 'choice', name), { recursive: true })
  bench.model(
    `models/choice/${name}/model.onnx`,
    `g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {${weights}}> { y = MatMul(x, w) }`,
  )
}

/** A whole `whet serve` on the database; resolves when it is ready. */
async function server() {
  const { child, ended } = bench.start([
    ...['serve', 'models', '--database', postgres!.url, '--audit', 'off'],
    ...['--http', '0', '--grpc', 'off', '--admin', '0'],
  ])
  const places = await new Promise<{ http: string; admin: string }>((resolve, reject) => {
    let text = ''
    child.stderr!.on('data', (chunk: string) => {
      text += chunk
      if (!text.includes('"message":"ready"')) return
      const line = text.split('\n').find((one) => one.includes('"message":"listening"'))!
      resolve(JSON.parse(line))
    })
    void ended.then(({ stderr }) => reject(new Error(stderr)))
  })
  let turn = 0
  const infer = async () => {
    const data = turn++ % 2 === 0 ? [1, 0] : [0, 1]
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data }]
    const { status, json } = await ask(places.http, 'POST', '/v2/models/choice/infer', { inputs })
    expect(status).toBe(200)
    return json.model_version as string
  }
  const whet = (...words: readonly string[]) => bench.whet(...words, '--admin', `http://${places.admin}`, '--json')
  const stop = async () => {
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  }
  return { infer, whet, stop }
}

describe.skipIf(!hasPostgres)('two whole servers on one PostgreSQL', () => {
  test(
    'what one rolls back or promotes, the other knows; a third that starts later too',
    async () => {
      version('1', '1,0,0,1')
      const [one, two] = await Promise.all([server(), server()])
      version('2', '0,1,1,0')
      const state = async (at: typeof one) => JSON.parse((await at.whet('rollout', 'status', 'choice')).stdout).state
      /** Requests to the server that owns the rollout, until it is over. */
      const judged = async () => {
        for (let round = 0; round < 100; round++) {
          await Promise.all(Array.from({ length: 40 }, () => one.infer()))
          const now = await state(one)
          if (now !== 'running') return now
        }
        return 'running'
      }
      expect((await one.whet('rollout', 'start', 'choice', '--candidate', '2', '--mode', 'shadow')).code).toBe(0)
      // One rollout of a model at a time, whoever is asked.
      expect((await two.whet('rollout', 'start', 'choice', '--candidate', '2', '--mode', 'shadow')).code).not.toBe(0)
      expect(await judged()).toBe('rolled-back')
      await expect.poll(() => state(two), { timeout: 20_000 }).toBe('rolled-back')
      const incidents = async (at: typeof one) => JSON.parse((await at.whet('incident', 'list')).stdout).incidents
      expect(await incidents(two)).toEqual(await incidents(one))
      expect(await incidents(two)).toHaveLength(1)
      expect([await one.infer(), await two.infer()]).toEqual(['1', '1'])

      version('3', '2,0,0,2')
      const start = ['rollout', 'start', 'choice', '--candidate', '3', '--mode', 'shadow', '--margin', '0.05'] as const
      expect((await one.whet(...start)).code).toBe(0)
      expect(await judged()).toBe('promoted')
      expect(await one.infer()).toBe('3')
      await expect.poll(() => two.infer(), { timeout: 30_000 }).toBe('3')
      const three = await server()
      expect(await three.infer()).toBe('3')
      await Promise.all([one, two, three].map((at) => at.stop()))
    },
    PATIENCE,
  )
})
