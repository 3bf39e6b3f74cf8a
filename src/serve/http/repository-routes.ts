import { type JsonObject, objectOf, parseJson } from '../protocol/json-text.ts'
import type { Actor, RepositoryActs } from '../repository/acts.ts'
import { invalid } from '../serve-error.ts'
import type { Exchange, Route } from './http-face.ts'

/** Who acts in an exchange. */
export const actor = ({ caller, request }: Exchange): Actor => ({
  who: caller.name,
  from: request.socket.remoteAddress ?? '',
})

/** Writes down that somebody was not let in to act. */
export const refusedAct =
  (acts: RepositoryActs, act: string): NonNullable<Route['refused']> =>
  ({ model, id }, { address }, error) =>
    acts.refused(act, model ?? id ?? '', { who: '', from: address }, error.message)

/** The model repository extension: what there is, and taking it in and out of service. */
export function repositoryRoutes(acts: RepositoryActs): readonly Route[] {
  const refused = (act: string) => refusedAct(acts, act)
  return [
    {
      method: 'POST',
      path: '/v2/repository/index',
      scope: 'read',
      takes: { type: 'object', properties: { ready: { type: 'boolean' } } },
      async handle(exchange) {
        const { ready } = await bodyOf(exchange)
        if (ready !== undefined && typeof ready !== 'boolean')
          throw invalid("Unable to parse 'ready': expected a boolean")
        return JSON.stringify(await acts.index(ready === true))
      },
    },
    {
      method: 'POST',
      path: '/v2/repository/models/:model/load',
      scope: 'admin',
      takes: {
        type: 'object',
        properties: {
          parameters: { type: 'object', properties: { version: { type: 'string' } }, additionalProperties: false },
        },
      },
      refused: refused('load'),
      async handle(exchange) {
        const { parameters } = await bodyOf(exchange)
        await acts.load(
          exchange.params.model!,
          parameters === undefined ? {} : objectOf(parameters, "'parameters'"),
          actor(exchange),
        )
        return ''
      },
    },
    {
      method: 'POST',
      path: '/v2/repository/models/:model/unload',
      scope: 'admin',
      refused: refused('unload'),
      async handle(exchange) {
        await bodyOf(exchange)
        await acts.unload(exchange.params.model!, actor(exchange))
        return ''
      },
    },
  ]
}

/** The object that a request brings, empty where it brings nothing; the answer will be JSON as well. */
export async function bodyOf(exchange: Exchange): Promise<JsonObject> {
  const body = await exchange.body()
  exchange.reply.header('content-type', 'application/json')
  return body.byteLength === 0 ? {} : objectOf(parseJson(body), 'the request')
}
