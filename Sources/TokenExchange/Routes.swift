import Chassis
import Hummingbird

extension ServiceParts {
    /// Every request the program understands, on one page.
    func addRoutes(to router: Router<ServiceContext>) {
        router.post("v1/workspaces/:workspace/sessions", use: ExchangeHandler(parts: self).handle)

        document.add(to: router)

        // Apps and browsers find a workspace under its name, and at the root of its own host or the default's.
        for prefix in ["", "w/:workspace"] {
            addAppRoutes(to: router.group("\(prefix)/v1").add(middleware: CrossOrigin(parts: self)))
            addBrowserRoutes(to: router.group("\(prefix)/api/auth").add(middleware: CrossOrigin(parts: self)))
            router.get("\(prefix)/.well-known/jwks.json", use: AppHandlers(parts: self).workspaceKeys)
        }
    }

    private func addAppRoutes(to router: RouterGroup<ServiceContext>) {
        let apps = AppHandlers(parts: self)
        let users = CurrentUserHandlers(parts: self)
        let sessions = SessionListHandlers(parts: self)
        router.get("apps/:app", use: apps.show)
        router.get("auth/:app/.well-known/jwks.json", use: apps.keys)
        router.get("auth/:app/public_key", use: apps.publicKey)
        router.post("auth/:app/tokens/refresh", use: RefreshHandler(parts: self).handle)
        router.post("auth/:app/tokens/access/verify", use: users.verifyAccess)
        router.post("auth/:app/tokens/refresh/verify", use: users.verifyRefresh)
        router.get("auth/:app/current_user", use: users.show)
        router.delete("auth/:app/current_user", use: users.end)
        router.post("auth/:app/current_user/logout", use: users.end)
        router.get("auth/:app/sessions", use: sessions.list)
        router.delete("auth/:app/sessions/:session", use: sessions.end)
        addPreflight(
            to: router,
            [
                "auth/:app/tokens/refresh", "auth/:app/tokens/access/verify",
                "auth/:app/tokens/refresh/verify",
                "auth/:app/current_user", "auth/:app/current_user/logout", "auth/:app/sessions",
                "auth/:app/sessions/:session",
            ]
        )
    }

    private func addBrowserRoutes(to router: RouterGroup<ServiceContext>) {
        let signIns = SignInHandlers(parts: self)
        let sessions = CookieSessionHandlers(parts: self)
        router.post("sign-up/email", use: signIns.signUp)
        router.post("sign-in/email", use: signIns.signIn)
        router.post("sign-out", use: signIns.signOut)
        router.get("get-session", use: sessions.show)
        router.get("token", use: sessions.token)
        router.get("jwks", use: AppHandlers(parts: self).workspaceKeys)
        router.get("ok", use: sessions.ok)
        addPreflight(to: router, ["sign-up/email", "sign-in/email", "sign-out", "get-session", "token"])
    }

    /// Lets pages of registered origins ask whether they may; a wildcard would not do, since a path that has a route
    /// of its own is not looked for behind one.
    private func addPreflight(to router: RouterGroup<ServiceContext>, _ paths: [RouterPath]) {
        for path in paths { router.on(path, method: .options, use: CrossOrigin.preflight) }
    }
}
