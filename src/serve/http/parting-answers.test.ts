import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { PartingAnswers } from './parting-answers.ts'

test('requests sent on end are all answered when the server ends, and the last answer says that it is', async () => {
  const answers: ServerResponse[] = []
  const server = createServer((_, answer) => {
    parting.begun(answer)
    answer.once('close', () => parting.ended(answer))
    answers.push(answer)
    if (answers.length === 3) server.emit('asked')
  })
  const parting = new PartingAnswers(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3))
  await once(server, 'asked')
  parting.part()
  server.close()
  for (const answer of answers) answer.end('done')
  await once(socket, 'close')
  expect(text.match(/^connection: [a-z-]+|done/gim)).toEqual([
    'Connection: keep-alive',
    'done',
    'Connection: keep-alive',
    'done',
    'Connection: close',
    'done',
  ])
})
