export { testCertificate } from './certificate.js'
export { testDatabase, testEventStoreUrl, testVhost } from './isolation.js'
export { createTestServers } from './servers.js'
export { testStateFolder } from './state-folder.js'
