import { expect, test } from 'vitest'
import { isLoopback } from './loopback.ts'

test.each(['127.0.0.1', '127.1.2.3', '::1', '[::1]', '::ffff:127.0.0.1', 'localhost', 'registry.localhost'])(
  '%s means this machine',
  (name) => expect(isLoopback(name)).toBe(true),
)

test.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.evil.example', 'evillocalhost', ''])(
  '%j may mean another',
  (name) => expect(isLoopback(name)).toBe(false),
)
