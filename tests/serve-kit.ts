import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { DEFAULT_SETTINGS, folderSource, type ServeOptions, type Server, startServer } from '../src/serve/index.ts'

/** Models in text notation by the name of their file, as `simple.onnx` or `chain/2/model.onnx`, in a folder of their own. */
export function modelFolder(models: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'serve-'))
  for (const [name, text] of Object.entries(models)) writeModelText(join(folder, name), text)
  return folder
}

export function writeModelText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, encodeModel(parseModel(`<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> ${text}`)))
}

/** A server on free ports of this machine, one session a model unless told otherwise. */
export const serve = (folder: string, options: Partial<ServeOptions> = {}): Promise<Server> =>
  startServer({
    source: folderSource(folder),
    httpPort: 0,
    grpcPort: 0,
    adminPort: 0,
    settings: withPlan({}),
    // What the command measures is taken for granted here: the models below compute row by row.
    rehearse: async () => ({ samples: [], invariance: { all: true } }),
    ...options,
  })

export const withPlan = (
  plan: Partial<(typeof DEFAULT_SETTINGS)['plan']>,
  batch: Partial<(typeof DEFAULT_SETTINGS)['batch']> = {},
) => ({
  ...DEFAULT_SETTINGS,
  plan: { instances: 1, threads: 1, maxBatch: 8, ...plan },
  batch: { ...DEFAULT_SETTINGS.batch, ...batch },
})

/** Waits for something to be done. */
export const until = async (done: () => Promise<boolean>) => {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5))
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: an answer is what a test expects of it
  readonly json: any
}

/** One exchange; nothing is added to the headers but what HTTP needs. */
export function ask(
  place: string | null,
  method: string,
  path: string,
  body?: string | Uint8Array | object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const [host, port] = [place!.slice(0, place!.lastIndexOf(':')), Number(place!.slice(place!.lastIndexOf(':') + 1))]
  const sent =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const length = sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) }
  return new Promise((resolve, reject) => {
    const out = request({ host, port, method, path, headers: { ...length, ...headers }, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const whole = Buffer.concat(chunks)
        let json: unknown
        try {
          json = JSON.parse(whole.toString())
        } catch {}
        resolve({ status: answer.statusCode!, headers: answer.headers, body: whole, json })
      })
    })
    out.on('error', reject)
    out.end(sent)
  })
}

/** The body of a binary request: JSON, then tensors. */
export function binaryBody(json: object, tensors: readonly ArrayBufferView[]) {
  const head = Buffer.from(JSON.stringify(json))
  const parts = tensors.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength))
  return {
    body: Buffer.concat([head, ...parts]),
    headers: { 'Inference-Header-Content-Length': String(head.byteLength) },
  }
}

/** The two inputs and outputs that examples of the protocol use: sum and difference of sixteen numbers. */
export const SIMPLE = `simple (int32[1,16] INPUT0, int32[1,16] INPUT1) => (int32[1,16] OUTPUT0, int32[1,16] OUTPUT1)
  { OUTPUT0 = Add(INPUT0, INPUT1)  OUTPUT1 = Sub(INPUT0, INPUT1) }`
