// An OpenID provider: oidc-provider with the accounts and clients in the file named by the first argument, and a login
// page without anything from other servers. It listens on port 8080, and the gateway ends TLS.
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {parse} from 'node:querystring';
import Provider from 'oidc-provider';

const {issuer, accounts, ...configuration} = JSON.parse(readFileSync(process.argv[2]));

const page = (uid, failed) => `<!doctype html><title>Identity provider</title><form method="post" action="/login/${uid}">
<p>${failed ? 'Wrong name or password.' : 'Who are you?'}</p>
<input name="login" autocomplete="off"> <input name="password" type="password"> <button type="submit">Sign in</button></form>`;

const logout = form => `<!doctype html><title>Logout</title>${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>`;

const ended = '<!doctype html><title>Logout</title><p>You are signed out.</p>';

const provider = new Provider(issuer, {
    ...configuration,
    features: {
        ...configuration.features,
        rpInitiatedLogout: {
            enabled: true,
            logoutSource: (ctx, form) => (ctx.body = logout(form)),
            postLogoutSuccessSource: ctx => (ctx.body = ended)
        }
    },
    pkce: {required: (_, client) => client.clientAuthMethod === 'none'},
    interactions: {url: (_, interaction) => `/login/${interaction.uid}`},
    // By jti, Argo CD refuses a token after the logout.
    findAccount: (_, id) => ({accountId: id, claims: () => ({sub: id, jti: randomUUID(), ...accounts[id].claims})}),
    // Nobody is asked for consent: the clients belong to the same company.
    async loadExistingGrant(ctx) {
        const grant = new ctx.oidc.provider.Grant({clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId});
        grant.addOIDCScope([...ctx.oidc.requestParamScopes].join(' '));
        await grant.save();
        return grant;
    }
});
provider.proxy = true;
for (const event of ['authorization.error', 'grant.error', 'end_session.error', 'server_error']) {
    provider.on(event, (ctx, error) => console.error(event, ctx.method, ctx.path, error.message, error.error_description ?? ''));
}
provider.use(async (ctx, next) => {
    if (ctx.path === '/favicon.ico') {
        ctx.status = 204;
        return;
    }
    if (!ctx.path.startsWith('/login/')) {
        return next();
    }
    const {uid, prompt} = await provider.interactionDetails(ctx.req, ctx.res);
    if (prompt.name === 'consent') {
        ctx.respond = false;
        return provider.interactionFinished(ctx.req, ctx.res, {consent: {}}, {mergeWithLastSubmission: true});
    }
    let failed = false;
    if (ctx.method === 'POST') {
        const chunks = await Array.fromAsync(ctx.req);
        const {login, password} = parse(Buffer.concat(chunks).toString());
        if (accounts[login]?.password === password) {
            ctx.respond = false;
            return provider.interactionFinished(ctx.req, ctx.res, {login: {accountId: login}});
        }
        failed = true;
    }
    ctx.type = 'html';
    ctx.body = page(uid, failed);
});
provider.listen(8080, () => console.log(`${issuer} is ready`));
