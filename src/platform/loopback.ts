/**
 * Whether an address or a host's name can only mean this machine: the addresses of the loopback network (RFC 1122,
 * section 3.2.1.3; RFC 4291, sections 2.5.3 and 2.5.5), in brackets where a URL has them, and `localhost` with the names
 * below it (RFC 6761, section 6.3).
 */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '')
  return (
    /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(name) ||
    name === '::1' ||
    name === '0:0:0:0:0:0:0:1' ||
    /^(?:.+\.)?localhost$/.test(name)
  )
}
