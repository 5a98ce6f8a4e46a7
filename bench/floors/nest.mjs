import 'reflect-metadata';
import { Controller, Header, HttpCode, Module, RequestMapping, RequestMethod } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

/** A bare route of NestJS on Fastify for each answer that is to be given: no guard, no hook, nothing looked up. */
function Bare() {}
for (const { method, path, body } of JSON.parse(process.env.ANSWERS)) {
  const name = `${method} ${path}`;
  Bare.prototype[name] = () => body;
  const descriptor = Object.getOwnPropertyDescriptor(Bare.prototype, name);
  for (const decorate of [
    RequestMapping({ method: RequestMethod[method], path }),
    HttpCode(200),
    Header('content-type', 'application/json; charset=utf-8'),
  ]) {
    decorate(Bare.prototype, name, descriptor);
  }
}
Controller()(Bare);

function App() {}
Module({ controllers: [Bare] })(App);

const app = await NestFactory.create(App, new FastifyAdapter(), { logger: ['error'] });
await app.listen(process.env.PORT, '127.0.0.1');
