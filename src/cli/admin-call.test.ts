import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { callAdmin } from './admin-call.ts'
import { Arguments } from './verb.ts'

test('a server that is there and takes long is not called missing', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ask = () => callAdmin(new Arguments({ admin }), 'rollout', 'GET', '/rollouts/m', undefined, 50)
  await expect(ask()).rejects.toMatchObject({
    code: 'busy',
    message: 'the server has not answered within 0.05 seconds',
    where: admin,
  })
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  await expect(ask()).rejects.toMatchObject({ code: 'missing-file', message: `no server answers at ${admin}` })
})
