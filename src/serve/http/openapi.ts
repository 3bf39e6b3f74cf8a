import { WHETSTONE_VERSION } from '../../report/index.ts'
import type { Route } from './http-face.ts'

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: unknown) => ({ 'application/json': { schema } })
const string = { type: 'string' }
const shape = { type: 'array', items: { type: 'integer', format: 'int64' } }
const parameters = {
  type: 'object',
  additionalProperties: { oneOf: [string, { type: 'number' }, { type: 'boolean' }] },
}

const schemas = {
  Error: { type: 'object', required: ['error'], properties: { error: string } },
  TensorMetadata: {
    type: 'object',
    required: ['name', 'datatype', 'shape'],
    properties: { name: string, datatype: string, shape },
  },
  InferRequest: {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: string,
      parameters,
      inputs: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'datatype', 'shape'],
          properties: { name: string, datatype: string, shape, parameters, data: { type: 'array', items: {} } },
        },
      },
      outputs: {
        type: 'array',
        items: { type: 'object', required: ['name'], properties: { name: string, parameters } },
      },
    },
  },
  InferResponse: {
    type: 'object',
    required: ['model_name', 'outputs'],
    properties: {
      id: string,
      model_name: string,
      model_version: string,
      outputs: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'datatype', 'shape'],
          properties: { name: string, datatype: string, shape, parameters, data: { type: 'array', items: {} } },
        },
      },
    },
  },
}

/** What each route is for, by the end of its path. */
const SUMMARIES: readonly (readonly [RegExp, string])[] = [
  [/health\/live$/, 'Whether the server runs'],
  [/health\/ready$/, 'Whether every model answers'],
  [/^\/v2$/, 'Name, version and extensions of the server'],
  [/models\/stats$/, 'What every version has done since it was loaded'],
  [/\/ready$/, 'Whether a model answers'],
  [/\/infer$/, 'Run a model'],
  [/\/config$/, 'How a model is run here'],
  [/\/stats$/, 'What a version has done since it was loaded'],
  [/repository\/index$/, 'The models that there are, and their states'],
  [/\/load$/, 'Load the newest version of a model, or one that is named'],
  [/\/unload$/, 'Take a model out of service'],
  [/\/feedback$/, 'Say what was right, for requests that a rollout may have paired'],
  [/\/rollouts$/, 'Every rollout, the newest first'],
  [/\/rollouts\/\{model\}$/, 'The last rollout of a model'],
  [/\/start$/, 'Try a version on real requests'],
  [/\/stop$/, 'End a rollout by hand'],
  [/\/incidents$/, 'Every incident, the newest first'],
  [/\/incidents\/\{id\}$/, 'What was rolled back, and why'],
  [/\/ack$/, 'Say that an incident was seen'],
  [/\/drift\/\{model\}$/, 'Whether requests and answers still look as they did'],
  [/\/drill$/, 'Rehearse a rollback with versions that do not exist'],
  [/\/metrics$/, 'Numbers in the text format of Prometheus'],
  [/models\/\{model\}(\/versions\/\{version\})?$/, 'Inputs and outputs of a model'],
]

/** The description of these routes as OpenAPI 3.1. */
export function openApi(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { method, path, scope, takes } of routes) {
    const url = path.replace(/:(\w+)/g, '{$1}')
    const summary = SUMMARIES.find(([pattern]) => pattern.test(url))?.[1]
    if (!summary) continue
    const names = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
    const isInfer = url.endsWith('/infer')
    const good = isInfer
      ? {
          content: {
            ...json(ref('InferResponse')),
            'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
          },
        }
      : { content: url === '/metrics' ? { 'text/plain': { schema: string } } : json({}) }
    paths[url] = {
      ...paths[url],
      [method.toLowerCase()]: {
        summary,
        operationId: `${method.toLowerCase()}${url.replace(/[^a-z]+/gi, '_')}`,
        ...(scope === null ? {} : { security: [{}, { key: [scope] }] }),
        parameters: [
          ...names.map((name) => ({ name, in: 'path', required: true, schema: string })),
          ...(isInfer
            ? [
                {
                  name: 'Inference-Header-Content-Length',
                  in: 'header',
                  description: 'Bytes of JSON before the tensors, where the body has both',
                  schema: { type: 'integer', minimum: 0 },
                },
              ]
            : []),
        ],
        ...(isInfer
          ? {
              requestBody: {
                required: true,
                content: {
                  ...json(ref('InferRequest')),
                  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
                },
              },
            }
          : takes
            ? { requestBody: { content: json(takes) } }
            : {}),
        responses: {
          200: { description: 'done', ...good },
          default: { description: 'what went wrong', content: json(ref('Error')) },
        },
      },
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Whetstone', version: WHETSTONE_VERSION, description: 'The Open Inference Protocol, version 2' },
    paths,
    components: { schemas, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  }
}
