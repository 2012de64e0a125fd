import * as z from "zod";
import { field, flag, path, whole } from "./values.ts";

const list = (expected: string) => z.array(path(expected), { error: `a list such as ${expected}` });

const own = () =>
  z.strictObject(
    {
      networks: field(
        list("[default]"),
        "restart",
        "Networks of the project that it is on; the first is the way out. Default [default].",
      ),
      ip: field(
        path("an address such as 10.1.2.3"),
        "restart",
        "Its address on the first network. Default: one is chosen and kept.",
      ),
      ports: field(
        z.array(
          z.union([path('a text such as "8080:80"'), z.number()], { error: 'a text such as "8080:80"' }),
          {
            error: 'a list such as ["8080:80"]',
          },
        ),
        "live",
        'Ports of the machine that lead inside: "8080:80", "127.0.0.1:5353:53/udp", "8000-8009:8000-8009", "auto:3000" (a free one, kept). Default: none.',
      ),
      aliases: field(
        list("[db]"),
        "live",
        "Further names by which others on its networks find it. Default: none.",
      ),
      dns: field(list("[9.9.9.9]"), "live", "Name servers instead of the machine's. Default: the machine's."),
      hosts: field(
        z.record(z.string(), path("an address such as 10.1.2.3"), { error: "a map of names to addresses" }),
        "live",
        "Further names and their addresses, in its /etc/hosts. Default: none.",
      ),
    },
    { error: 'host, none, or a map such as {ports: ["8080:80"]}' },
  );

const expected = "host, none, or a map such as {networks: [default]}";
export const network = () =>
  z.union([z.enum(["host", "none"], { error: expected }), own()], { error: expected });

/** A network of the project, in pavlos.config.ts or pavlos.yaml. */
export const projectNetwork = () =>
  z.strictObject(
    {
      subnet: z
        .union([path("a subnet such as 10.1.2.0/24"), list("[10.1.2.0/24, fd00:1::/64]")], {
          error: "a subnet such as 10.1.2.0/24",
        })
        .optional(),
      internal: flag.optional(),
      ipv6: flag.optional(),
      mtu: whole(1280, 65_535, "a whole number of bytes from 1280 to 65535").optional(),
    },
    { error: "a map such as {subnet: 10.1.2.0/24} or {internal: true}" },
  );
