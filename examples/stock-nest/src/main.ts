import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { readEvent } from './read-event.js';
import { SignOuts } from './sign-outs.controller.js';

@Module({ controllers: [SignOuts] })
class AppModule {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.NATS,
  options: {
    servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222',
    maxReconnectAttempts: -1,
    // Of the processes of one service, one is told. Without it, each is.
    queue: 'stock-nest',
    deserializer: readEvent,
  },
});
app.enableShutdownHooks();
await app.listen();
