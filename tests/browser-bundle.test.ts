import { createReadStream, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { findChromium, startChromium } from '../src/engine/ort-node-chromium.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { modelWith } from './quantize-kit.ts'

// The bundler that vitest brings along.
interface Bundler {
  rolldown(options: object): Promise<{
    generate(options: object): Promise<{ output: { code?: string; imports?: string[] }[] }>
    close(): Promise<void>
  }>
}
const ENTRY = fileURLToPath(new URL('../src/browser.ts', import.meta.url))
const ORT = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web')))
/** What package.json swaps for browsers, by source file: the field names the compiled ones. */
const ROOT = resolve(import.meta.dirname, '..')
const source = (compiled: string) => resolve(ROOT, compiled.replace('./dist/', '').replace(/\.js$/, '.ts'))
const swapped = new Map(
  Object.entries<string>(JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')).browser)
    .filter(([from]) => from.startsWith('./dist/'))
    .map(([from, to]) => [source(from), source(to)]),
)
let code = ''
let imports: readonly string[] = []
const problems: string[] = []

beforeAll(async () => {
  const { rolldown } = (await import('rolldown' as string)) as Bundler
  const bundle = await rolldown({
    input: ENTRY,
    platform: 'browser',
    external: [/^onnxruntime-web/],
    plugins: [
      {
        name: 'browser-field',
        resolveId: (id: string, from?: string) => (from ? swapped.get(resolve(dirname(from), id)) : undefined),
      },
    ],
    onLog: (_: string, log: { message: string }) => problems.push(log.message),
  })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  code = output.map((chunk) => chunk.code ?? '').join('\n')
  imports = output.flatMap((chunk) => chunk.imports ?? [])
})

test('nothing of Node can be reached from the entry for pages', () => {
  expect(problems.filter((text) => /UNRESOLVED|MISSING_EXPORT|not exported/.test(text))).toEqual([])
  expect(imports).toEqual([])
  expect(code).not.toMatch(/(from|import)\s*\(?\s*['"](node:|fs|path|os|crypto|child_process)/)
})

describe.skipIf(findChromium('auto') === null)('in headless Chromium', () => {
  const model = modelWith(
    'g (float[1,64] x) => (float[1,10] y) { a = MatMul(x, w1)  b = Identity(a)  y = MatMul(b, w2) }',
    {
      w1: [64, 32],
      w2: [32, 10],
    },
  )

  test('a model is read, simplified, put into half precision, written and run in a page', async () => {
    const bytes = encodeModel(model)
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://x').pathname
      const send = (type: string, body: string | Uint8Array) =>
        response.writeHead(200, { 'content-type': type }).end(body)
      if (path === '/') send('text/html', PAGE)
      else if (path === '/bundle.mjs') send('text/javascript', code)
      else if (path === '/model.onnx') send('application/octet-stream', bytes)
      else if (/^\/ort\/[\w.-]+$/.test(path)) {
        response.writeHead(200, { 'content-type': path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript' })
        createReadStream(join(ORT, path.slice(5))).pipe(response)
      } else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const browser = await startChromium(findChromium('auto')!)
    try {
      const tab = await browser.openTab(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      let found: unknown
      // Until the page is there, a tab can evaluate nothing.
      for (let i = 0; i < 1500 && found === undefined; i++) {
        found = await tab.evaluate('globalThis.outcome', 'waiting').catch(() => undefined)
        if (found === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const outcome = found as { nodes: number; digest: string; y: number[]; half: number[]; smaller: boolean }
      expect(outcome).toMatchObject({ nodes: 2, smaller: true })
      expect(outcome.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(outcome.y).toHaveLength(10)
      for (const [i, value] of outcome.half.entries()) expect(Math.abs(value - outcome.y[i]!)).toBeLessThan(0.02)
    } finally {
      await browser.stop()
      server.closeAllConnections()
      server.close()
    }
  })
})

const PAGE = `<!doctype html>
<script type="importmap">{"imports":{"onnxruntime-web":"/ort/ort.wasm.min.mjs","onnxruntime-web/wasm":"/ort/ort.wasm.min.mjs"}}</script>
<script type="module">
try {
  const { decodeModel, encodeModel, modelDigest, ortWeb, passes, readBytes, setWasmFolder, simplifyPasses } = await import('/bundle.mjs')
  setWasmFolder(location.origin + '/ort/')
  let model = decodeModel(await readBytes('/model.onnx'))
  for (const pass of simplifyPasses) model = (await pass.run(model, {}, [])).model
  const half = (await passes.convertFloat16.run(model, {}, [])).model
  const x = { dtype: 'float32', dims: [1, 64], data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)) }
  const run = async (one) => {
    const session = await ortWeb.open(decodeModel(encodeModel(one)))
    const { y } = await session.run({ x })
    await session.close()
    return [...y.data]
  }
  globalThis.outcome = {
    nodes: model.graph.nodes.length,
    digest: modelDigest(model),
    smaller: encodeModel(half).byteLength < encodeModel(model).byteLength,
    y: await run(model),
    half: await run(half),
  }
} catch (error) {
  globalThis.outcome = { failed: String(error && error.stack || error) }
}
</script>`
