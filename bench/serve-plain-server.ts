// The plain server that ours is measured against: Fastify and onnxruntime-node in one process, one thread, binary bodies.
import '../src/engine/ort-telemetry.ts'
import fastify from 'fastify'
import * as ort from 'onnxruntime-node'

const [path, input, dims] = process.argv.slice(2) as [string, string, string]
const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 })
const output = session.outputNames[0]!
const row = dims.split(',').map(Number)
const app = fastify({ bodyLimit: 64 << 20 })
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/infer', async (request, reply) => {
  const bytes = request.body as Buffer
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(bytes)
  const data = new Float32Array(aligned.buffer, aligned.byteOffset, bytes.byteLength / 4)
  const result = await session.run({ [input]: new ort.Tensor('float32', data, [1, ...row]) })
  const answer = result[output]!.data as Float32Array
  reply.header('content-type', 'application/octet-stream')
  return Buffer.from(answer.buffer as ArrayBuffer, answer.byteOffset, answer.byteLength)
})
app.post('/noop', async (_request, reply) => {
  reply.header('content-type', 'application/octet-stream')
  return reply.send(Buffer.alloc(8))
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.send!({ port: (app.server.address() as { port: number }).port })
process.on('disconnect', () => process.exit(0))
