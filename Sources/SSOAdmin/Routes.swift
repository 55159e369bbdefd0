import Chassis
import Hummingbird

extension AdminParts {
    /// Every request the program understands, on one page.
    func addRoutes(to router: Router<ServiceContext>) {
        let admin = router.group("api/admin")
        addWorkspaceRoutes(to: admin)
        addApplicationRoutes(to: admin)
        addGroupRoutes(to: admin)
        addPeopleRoutes(to: admin)
        addSessionRoutes(to: admin)
        addCredentialRoutes(to: admin)
        addSigningKeyRoutes(to: admin)
        let audit = AuditHandlers(parts: self)
        admin.get("audit-log", use: audit.list)
        admin.get("consistency", use: audit.consistency)
        let explanations = ExplanationHandlers(parts: self)
        admin.post("explain/exchange", use: explanations.exchange)
        admin.post("explain/authorize", use: explanations.authorize)
        admin.get("explain/requests/:request", use: explanations.refusal)
        document.add(to: router)
    }

    private func addWorkspaceRoutes(to router: RouterGroup<ServiceContext>) {
        let workspaces = WorkspaceHandlers(parts: self)
        router.get("workspaces", use: workspaces.list)
        router.post("workspaces", use: workspaces.create)
        router.get("workspaces/:workspace", use: workspaces.show)
        router.patch("workspaces/:workspace", use: workspaces.update)
        router.get("rotation-policy", use: workspaces.rotationPolicy)
        router.patch("rotation-policy", use: workspaces.changeRotationPolicy)
    }

    private func addApplicationRoutes(to router: RouterGroup<ServiceContext>) {
        let applications = ApplicationHandlers(parts: self)
        router.get("applications", use: applications.list)
        router.post("applications", use: applications.create)
        router.get("applications/:application", use: applications.show)
        router.patch("applications/:application", use: applications.update)
        router.delete("applications/:application", use: applications.remove)
        router.post("applications/:application/client-secret", use: applications.rotateSecret)
    }

    private func addGroupRoutes(to router: RouterGroup<ServiceContext>) {
        let groups = GroupHandlers(parts: self)
        router.get("sso-groups", use: groups.list)
        router.post("sso-groups", use: groups.create)
        router.get("sso-groups/:group", use: groups.show)
        router.patch("sso-groups/:group", use: groups.rename)
        router.delete("sso-groups/:group", use: groups.remove)
        router.post("sso-groups/:group/apps", use: groups.add)
        router.delete("sso-groups/:group/apps/:app", use: groups.take)
        router.post("sso-groups/:group/preview", use: groups.preview)
    }

    private func addPeopleRoutes(to router: RouterGroup<ServiceContext>) {
        let users = UserHandlers(parts: self)
        router.get("users", use: users.list)
        router.post("users", use: users.create)
        router.get("users/:user", use: users.show)
        router.patch("users/:user", use: users.update)
        router.delete("users/:user", use: users.remove)
        router.get("users/:user/memberships", use: users.memberships)

        let members = MembershipHandlers(parts: self)
        router.get("applications/:application/users", use: members.list)
        router.post("applications/:application/users", use: members.create)
        router.get("applications/:application/users/:user", use: members.show)
        router.patch("applications/:application/users/:user", use: members.update)
        router.delete("applications/:application/users/:user", use: members.remove)
        router.post("applications/:application/users/:user/suspend", use: members.suspend)
        router.post("applications/:application/users/:user/activate", use: members.activate)
    }

    private func addSessionRoutes(to router: RouterGroup<ServiceContext>) {
        let sessions = SessionHandlers(parts: self)
        router.get("applications/:application/sessions", use: sessions.ofApplication)
        router.delete("applications/:application/sessions", use: sessions.endOfApplication)
        router.delete("applications/:application/sessions/:session", use: sessions.end)
        router.get("users/:user/sessions", use: sessions.ofUser)
        router.delete("users/:user/sessions", use: sessions.endOfUser)
        router.delete("sso-groups/:group/sessions", use: sessions.endOfGroup)
        router.delete("sessions", use: sessions.endAll)
    }

    private func addCredentialRoutes(to router: RouterGroup<ServiceContext>) {
        let keys = APIKeyHandlers(parts: self)
        router.get("api-keys", use: keys.list)
        router.post("api-keys", use: keys.create)
        router.get("api-keys/:key", use: keys.show)
        router.delete("api-keys/:key", use: keys.revoke)
        router.post("api-keys/:key/rotate", use: keys.rotate)

        let tokens = AdminTokenHandlers(parts: self)
        router.get("admin-tokens", use: tokens.list)
        router.post("admin-tokens", use: tokens.create)
        router.get("admin-tokens/:token", use: tokens.show)
        router.delete("admin-tokens/:token", use: tokens.revoke)
        router.post("admin-tokens/:token/rotate", use: tokens.rotate)
    }

    private func addSigningKeyRoutes(to router: RouterGroup<ServiceContext>) {
        let keys = SigningKeyHandlers(parts: self)
        router.get("signing-keys", use: keys.list)
        router.post("signing-keys/rotate", use: keys.rotate)
        router.get("signing-keys/requests/:request", use: keys.progress)
        router.get("signing-keys/:kid", use: keys.show)
        router.get("signing-keys/:kid/impact", use: keys.impact)
        router.post("signing-keys/:kid/compromise", use: keys.compromise)
    }
}
