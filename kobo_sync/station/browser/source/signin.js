// Signing in: the password or PIN stays here, the station gets the proof that it is known.

import { hmac } from '@noble/hashes/hmac';
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';

import { fill, make } from './dom';
import { Away, get, post } from './server';
import { say, sayCount } from './texts';

/** 'in', or how it failed: 'wrong', 'wait' (with seconds), 'away'. */
async function attempt(username, secret) {
    try {
        const { challenge } = await (await get('/f/-/challenge')).json();
        const proof = bytesToHex(hmac(sha256, utf8ToBytes(secret), utf8ToBytes(`${username}:${challenge}`)));
        const answer = await post('/f/-/sign-in', { username, challenge, proof });
        if (answer.status === 204) return ['in'];
        return answer.status === 429 ? ['wait', (await answer.json()).wait_s] : ['wrong'];
    } catch (error) {
        if (error instanceof Away) return ['away'];
        throw error;
    }
}

/** A form to sign in with; *done* is called when somebody has. */
export async function signInForm(done) {
    let hasPin = true;
    try {
        hasPin = (await (await get('/f/-/challenge')).json()).has_pin;
    } catch {
        // asked again at the attempt
    }
    const message = make('p.message', { role: 'alert' });
    const place = make('div');
    const draw = (byPin) => fill(place, fields(byPin, hasPin, message, done, () => draw(!byPin)));
    draw(hasPin);
    return make('section.card', { 'aria-labelledby': 'sign-in' }, make('h2', { id: 'sign-in' }, say('signin.title')), place, message);
}

function fields(byPin, hasPin, message, done, other) {
    const name = make('input', { id: 'username', name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
    const kind = byPin ? { inputmode: 'numeric', type: 'password', autocomplete: 'off' } : { type: 'password', autocomplete: 'current-password' };
    const secret = make('input', { id: 'secret', name: 'secret', required: true, ...kind });
    const button = make('button.primary', { type: 'submit' }, say('signin.enter'));
    const submit = async (event) => {
        event.preventDefault();
        button.disabled = true;
        message.textContent = '';
        const [outcome, seconds] = await attempt(byPin ? '' : name.value.trim(), byPin ? secret.value.trim() : secret.value);
        button.disabled = false;
        if (outcome === 'in') return done();
        if (outcome === 'wait') message.textContent = sayCount('signin.wait', seconds);
        else message.textContent = say(outcome === 'wrong' ? (byPin ? 'signin.wrong_pin' : 'signin.wrong') : 'trouble.away');
        return secret.select();
    };
    return make(
        'form.signin',
        { onsubmit: submit, novalidate: true },
        byPin ? null : [make('label', { for: 'username' }, say('signin.account')), name],
        make('label', { for: 'secret' }, say(byPin ? 'signin.pin' : 'signin.password')),
        secret,
        button,
        hasPin && make('button.plain', { type: 'button', onclick: other }, say(byPin ? 'signin.by_account' : 'signin.by_pin'))
    );
}
