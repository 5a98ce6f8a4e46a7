import Bowser from 'bowser';

export interface Device {
  readonly browser: string;
  readonly os: string;
  readonly device: string;
}

type Told = Bowser.Parser.ParsedResult;
type Sign = readonly [sign: RegExp, name: string];

const UNKNOWN = 'Unknown';
const DEVICES: Record<string, string> = { desktop: 'Desktop', mobile: 'Mobile', tablet: 'Tablet' };
const SPOKEN_NAMES: Record<string, string> = {
  Focus: 'Firefox Focus',
  'Microsoft Edge': 'Edge',
  Miui: 'Mi Browser',
  'NAVER Whale Browser': 'Whale',
  'Opera Touch': 'Opera',
  'Samsung Internet for Android': 'Samsung Internet',
  SlackBot: 'Slackbot',
};

/** Those that Bowser takes for Chrome or Safari, and that do not say their names as a product would. */
const APPS: readonly Sign[] = [
  [/\bFB(?:AN|_IAB)\/(?:Messenger|Orca)/, 'Messenger'],
  [/\bFB(?:AN|AV|_IAB)\/|\bMetaIAB Facebook\b/, 'Facebook'],
  [/\bInstagram \d/, 'Instagram'],
  [/\bBarcelona \d/, 'Threads'],
  [/\b(?:musical_ly_|trill_|BytedanceWebview\/)/, 'TikTok'],
  [/\[LinkedInApp\]/, 'LinkedIn'],
  [/\bPinterest(?:\/iOS| for )/, 'Pinterest'],
  [/\bTwitter(?:Android| for )/, 'Twitter'],
  [/\bGSA\/\d/, 'Google app'],
  [/\bLine\/\d/, 'LINE'],
  [/\bKAKAOTALK\b/, 'KakaoTalk'],
  [/\bDuckDuckGo\/\d/, 'DuckDuckGo'],
  [/\bHuaweiBrowser\/\d/, 'Huawei Browser'],
  [/\bOPX\/\d/, 'Opera GX'],
  [/\bOculusBrowser\/\d/, 'Meta Quest Browser'],
];

/** `curl/8.5.0`, `Datadog Agent/7.50`, `Faraday v2.9.0`, `Vercelbot (+https://…)`, and three that send a bare name. */
const PROGRAM =
  /^(?!Mozilla\b|Opera\b)[a-z][\w.+%-]{0,63}(?: [a-z][\w.+-]{0,31}){0,3}?(?=\/[a-z-]{0,4}\d| v\d| \()|^(?:node|undici|Ruby)$/i;
const ROBOT =
  /(?<=\bcompatible; ?)(?!MSIE|Mozilla|Linux|Win)[a-z][\w.!-]{1,63}(?: [a-z]\w{0,31}){0,2}(?=[/;)]| \+)/i;
const PRODUCT = /(?<![\w.+/-])[a-z][\w.+-]{0,63}(?=\/v?\d)/gi;
const COMMENT = /\([^()]*\)/g;
const ENGINE = /^(?:Mozilla|AppleWebKit|Gecko|Chrome|Electron|Version|Mobile|Safari)$/i;

/** Tablets that ask for desktop pages as a Mac or a Linux PC would, beside a word that neither says. */
const DISGUISES = [
  [/\b(?:CriOS|EdgiOS|FxiOS|Mobile)\//, 'Macintosh', 'iPad'],
  [/\bSamsungBrowser\//, 'X11; Linux x86_64', 'Linux; Android 10'],
] as const;

const OTHER_SYSTEMS =
  'iOS,macOS,tvOS,watchOS,visionOS,KaiOS,FreeBSD,OpenBSD,PlayStation 5,PlayStation,Nintendo Switch'
    .split(',')
    .map((name) => [new RegExp(`\\b${name}\\b`, 'i'), name] as const);
const NEITHER_DESK_NOR_HAND = /TV\b|\bXbox\b|\bCrKey\b|\bBRAVIA\b|\bAFT[A-Z]| VR /;

/** Plain names that a person reads, `Unknown` where nothing can be said. Null for null: nothing was given, or it was erased. */
export function describeUserAgent(userAgent: string): Device;
export function describeUserAgent(
  userAgent: string | null,
): Device | { browser: null; os: null; device: null };
export function describeUserAgent(userAgent: string | null) {
  if (userAgent === null) return { browser: null, os: null, device: null };
  const told = Bowser.parse(undisguised(userAgent) || UNKNOWN);
  const program = PROGRAM.exec(userAgent)?.[0].replaceAll('%20', ' ');
  const robot = program ? undefined : robotIn(userAgent, told);
  const os = osIn(userAgent, told);
  return {
    browser: robot ?? signed(APPS, userAgent) ?? program ?? browserIn(userAgent, told),
    os,
    device: robot || NEITHER_DESK_NOR_HAND.test(userAgent) ? UNKNOWN : deviceOf(os, told, program),
  };
}

function undisguised(userAgent: string) {
  const disguise = DISGUISES.find(([sign]) => sign.test(userAgent));
  return disguise ? userAgent.replace(disguise[1], disguise[2]) : userAgent;
}

function robotIn(userAgent: string, { browser, platform }: Told) {
  const named =
    ROBOT.exec(userAgent)?.[0] ??
    products(userAgent).find((name) => /bot\b|crawler|spider|^headless/i.test(name));
  // Bowser takes whatever mentions Yahoo for a robot, its apps as well.
  return named ?? (platform.type === 'bot' && platform.vendor !== 'Yahoo' ? spoken(browser.name) : undefined);
}

function browserIn(userAgent: string, { browser: { name } }: Told) {
  if (!/^(?:Mozilla|Opera)\b/i.test(userAgent)) return UNKNOWN;
  const text = userAgent.replaceAll(COMMENT, ' ');
  const inApp =
    name === 'Electron' ||
    (name === 'Chrome' && userAgent.includes('; wv)')) ||
    (name === 'Safari' && !text.includes('Safari/'));
  if (!inApp && name && !/^Mozilla/i.test(name)) return spoken(name);
  const fallback = name === 'Electron' ? name : inApp ? 'In-app browser' : UNKNOWN;
  return products(text).find((product) => !ENGINE.test(product)) ?? fallback;
}

function osIn(userAgent: string, { os: { name, versionName } }: Told) {
  if (name === 'Windows') return versionName && versionName !== 'NT' ? `Windows ${versionName}` : name;
  return name ?? signed(OTHER_SYSTEMS, userAgent) ?? UNKNOWN;
}

function deviceOf(os: string, { platform }: Told, program: string | undefined) {
  // Without a browser's conventions, "Android" is no tablet yet, and "Linux" is rather a server.
  if (program && /^(?:Android|Linux)$/.test(os)) return UNKNOWN;
  if (/^(?:Chrome OS|macOS|FreeBSD|OpenBSD)$/.test(os)) return 'Desktop';
  return DEVICES[platform.type ?? ''] ?? UNKNOWN;
}

const spoken = (name: string | undefined) => SPOKEN_NAMES[name ?? ''] ?? (name || UNKNOWN);

const signed = (signs: readonly Sign[], text: string) => signs.find(([sign]) => sign.test(text))?.[1];

const products = (text: string): string[] => text.match(PRODUCT) ?? [];
