import {
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { BodyBudget } from '../body-budget.ts'
import type { InferenceCore } from '../core.ts'
import { Departure } from '../departure.ts'
import type { HttpLimits } from '../http/http-face.ts'
import type { ServerState } from '../http/inference-routes.ts'
import type { Log } from '../log.ts'
import type { RepositoryActs } from '../repository/acts.ts'
import { type Access, keyOf } from '../security/access.ts'
import type { Scope } from '../security/keys.ts'
import { ServeError, STATUS, toServeError } from '../serve-error.ts'
import { checkContents } from './contents-limit.ts'
import { type Described, descriptionCalls } from './description-calls.ts'
import { holdingCalls } from './holding-calls.ts'
import { encodeAnswer, type ModelInferRequest, requestOfMessage } from './infer-messages.ts'
import { answerStream } from './infer-stream.ts'
import { decode, encode, type MessageName, withBytes } from './messages.ts'

type AnyCall = ServerUnaryCall<unknown, Buffer> | ServerDuplexStream<ModelInferRequest, Buffer>
type Caller = ReturnType<Access['admit']>

/** A method of one request and one answer. */
interface Method {
  readonly request: MessageName
  /** null: for everybody. */
  readonly scope: Scope | null
  /** The encoded answer. */
  answer(message: never, caller: Caller, call: AnyCall): Promise<Buffer> | Buffer
}

/** What every call needs of the server. */
interface Seat {
  readonly core: InferenceCore
  readonly acts: RepositoryActs
  readonly state: ServerState
  readonly access: Access
  readonly log: Log
}

/** The Open Inference Protocol over gRPC; starts to listen with `bindAsync`. */
export function grpcFace(
  core: InferenceCore,
  acts: RepositoryActs,
  state: ServerState,
  access: Access,
  limits: HttpLimits,
  budget: BodyBudget,
  log: Log,
): Server {
  const seat: Seat = { core, acts, state, access, log }
  const server = new Server({
    'grpc.max_receive_message_length': limits.maxBodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': 1024,
    interceptors: [holdingCalls(budget, limits, (error) => told(seat, error))],
  })
  const { HealthCheck, ...inference } = methodsOf(seat)
  const [definitions, implementation] = service(seat, '/inference.GRPCInferenceService', Object.entries(inference))
  server.addService(
    {
      ...definitions,
      ModelStreamInfer: definition('/inference.GRPCInferenceService/ModelStreamInfer', 'ModelInferRequest', true),
    },
    { ...implementation, ModelStreamInfer: streamOf(seat) },
  )
  server.addService(...service(seat, '/grpc.health.v1.Health', [['Check', HealthCheck!]]))
  return server
}

function methodsOf({ core, acts, state }: Seat): Readonly<Record<string, Method>> {
  const actor = (caller: Caller, call: AnyCall) => ({ who: caller.name, from: addressOf(call) })
  const described = (method: Described): Method => ({
    ...method,
    answer: (message) => method.answer(message, core, state),
  })
  return {
    ...Object.fromEntries(Object.entries(descriptionCalls).map(([name, method]) => [name, described(method)])),
    ModelInfer: {
      request: 'ModelInferRequest',
      scope: 'infer',
      answer(message, caller, call) {
        const departure = new Departure()
        call.once('cancelled', () => departure.leave())
        return infer(core, message, caller, call, departure)
      },
    },
    RepositoryIndex: {
      request: 'RepositoryIndexRequest',
      scope: 'read',
      answer: async ({ ready }: { readonly ready: boolean }) =>
        encode('RepositoryIndexResponse', { models: await acts.index(ready) }),
    },
    RepositoryModelLoad: {
      request: 'RepositoryModelLoadRequest',
      scope: 'admin',
      async answer(message: RepositoryRequest, caller, call) {
        const parameters = Object.entries(message.parameters).map(([name, { parameterChoice }]) => [
          name,
          parameterChoice.value,
        ])
        await acts.load(message.modelName, Object.fromEntries(parameters), actor(caller, call))
        return encode('RepositoryModelLoadResponse', {})
      },
    },
    RepositoryModelUnload: {
      request: 'RepositoryModelUnloadRequest',
      scope: 'admin',
      async answer(message: RepositoryRequest, caller, call) {
        await acts.unload(message.modelName, actor(caller, call))
        return encode('RepositoryModelUnloadResponse', {})
      },
    },
  }
}

async function infer(
  core: InferenceCore,
  message: ModelInferRequest,
  caller: Caller,
  call: AnyCall,
  departure: Departure,
): Promise<Buffer> {
  const { request, answer, release } = await core.infer({
    model: message.modelName,
    version: message.modelVersion,
    caller,
    departure,
    traceparent: core.tracer ? call.metadata.get('traceparent')[0]?.toString() : undefined,
    read: () => requestOfMessage(message),
  })
  // A message has a copy of the tensors.
  const encoded = encodeAnswer(request, answer)
  release()
  return encoded
}

/** @throws ServeError */
function admit({ access }: Seat, call: AnyCall, scope: Scope | null, model?: string): Caller {
  const header = (name: string) => call.metadata.get(name)[0]?.toString()
  const address = addressOf(call)
  if (scope === null) return { tenant: '', name: address }
  const knock = { key: keyOf(header('authorization'), header('x-api-key')), address, host: call.getHost() }
  return access.admit(knock, scope, model)
}

/** The same, and an act that is refused is told to the audit log. */
function admitTo(seat: Seat, name: string, call: AnyCall, scope: Scope | null, model: string | undefined): Caller {
  try {
    return admit(seat, call, scope, model)
  } catch (error) {
    if (scope === 'admin')
      seat.acts.refused(
        name === 'RepositoryModelLoad' ? 'load' : 'unload',
        model ?? '',
        { who: '', from: addressOf(call) },
        (error as Error).message,
      )
    throw error
  }
}

/** An error as the client may read it. */
function told({ log }: Seat, error: unknown) {
  const known = toServeError(error, '')
  if (known.code === 'internal') log.error('request failed', { error: (known.cause as Error)?.stack ?? known.message })
  const metadata = new Metadata()
  if (known.retryAfter !== undefined) metadata.set('retry-after', String(known.retryAfter))
  return { code: STATUS[known.code][1], details: known.message, metadata }
}

const unaryOf =
  (seat: Seat, name: string, { scope, answer }: Method) =>
  async (call: ServerUnaryCall<unknown, Buffer>, done: sendUnaryData<Buffer>) => {
    const message = call.request as { readonly modelName?: string; readonly name?: string }
    const model = message.modelName ?? message.name
    try {
      const caller = admitTo(seat, name, call, scope, model)
      Undecodable.refuse(message)
      done(null, await answer(message as never, caller, call))
    } catch (error) {
      done(told(seat, error))
    }
  }

const streamOf = (seat: Seat) => (call: ServerDuplexStream<ModelInferRequest, Buffer>) =>
  answerStream(call, async (message, departure) => {
    try {
      const caller = admit(seat, call, 'infer', message.modelName)
      Undecodable.refuse(message)
      return withAnswer(await infer(seat.core, message, caller, call, departure))
    } catch (error) {
      return encode('ModelStreamInferResponse', {
        errorMessage: told(seat, error).details || 'unknown error',
        // Clients of a stream find the request by it, as in a good answer. What cannot be read has none.
        inferResponse: { id: message.id },
      })
    }
  })

const service = (
  seat: Seat,
  path: string,
  methods: readonly (readonly [string, Method])[],
): [ServiceDefinition, UntypedServiceImplementation] => [
  Object.fromEntries(methods.map(([name, { request }]) => [name, definition(`${path}/${name}`, request, false)])),
  Object.fromEntries(methods.map(([name, method]) => [name, unaryOf(seat, name, method)])),
]

interface RepositoryRequest {
  readonly modelName: string
  readonly parameters: Readonly<Record<string, { readonly parameterChoice: { readonly value?: unknown } }>>
}

const definition = (path: string, request: MessageName, streams: boolean) => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: (message: object) => encode(request, message),
  requestDeserialize: (bytes: Buffer): unknown => {
    try {
      if (request === 'ModelInferRequest') checkContents(bytes)
      return decode(request, bytes)
    } catch (error) {
      // What is thrown here the library answers as an internal error of the server.
      return new Undecodable(
        error instanceof ServeError ? error : new ServeError('invalid', `the bytes of the message are no ${request}`),
      )
    }
  },
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
})

/** `ModelStreamInferResponse` around an encoded answer. */
function withAnswer(answer: Buffer): Buffer {
  return withBytes(Buffer.alloc(0), 2, [[answer]])
}

/** A message that is not read; whoever is let in hears why. */
class Undecodable {
  readonly #error: ServeError

  constructor(error: ServeError) {
    this.#error = error
  }

  /** @throws ServeError where `message` is one. */
  static refuse(message: unknown): void {
    if (message instanceof Undecodable) throw message.#error
  }
}

const addressOf = (call: AnyCall) =>
  call
    .getPeer()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
