import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { SigningKeys } from '../access/signing-keys.js';

@ApiTags('operations')
@Controller('.well-known')
export class JwksController {
  constructor(private readonly keys: SigningKeys) {}

  @Get('jwks.json')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({ summary: 'The keys that session credentials are signed with (RFC 7517)' })
  jwks() {
    return this.keys.jwks();
  }
}
