using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Kraliki.Server.Data.Migrations.Sqlite;

/// <inheritdoc />
public partial class Initial : Migration
{
    /// <inheritdoc />
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateTable(
            name: "audit_entries",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                number = table.Column<long>(type: "INTEGER", nullable: false),
                at = table.Column<long>(type: "INTEGER", nullable: false),
                actor = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                action = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false),
                subject = table.Column<string>(type: "TEXT", maxLength: 500, nullable: false),
                detail = table.Column<string>(type: "TEXT", maxLength: 500, nullable: true),
                address = table.Column<string>(type: "TEXT", nullable: true),
                request_id = table.Column<string>(type: "TEXT", nullable: true),
                seal = table.Column<byte[]>(type: "BLOB", nullable: false),
                link = table.Column<byte[]>(type: "BLOB", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_audit_entries", x => new { x.organisation_id, x.number });
            });

        migrationBuilder.CreateTable(
            name: "audit_heads",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                number = table.Column<long>(type: "INTEGER", nullable: false),
                link = table.Column<byte[]>(type: "BLOB", nullable: false),
                mac = table.Column<byte[]>(type: "BLOB", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_audit_heads", x => x.organisation_id);
            });

        migrationBuilder.CreateTable(
            name: "carrier_calls",
            columns: table => new
            {
                call_sid = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                account_sid = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                session_id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                status = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_carrier_calls", x => x.call_sid);
            });

        migrationBuilder.CreateTable(
            name: "cluster_views",
            columns: table => new
            {
                cluster_id = table.Column<string>(type: "TEXT", nullable: false),
                version = table.Column<int>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_cluster_views", x => x.cluster_id);
            });

        migrationBuilder.CreateTable(
            name: "feature_flags",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                name = table.Column<string>(type: "TEXT", maxLength: 60, nullable: false),
                enabled = table.Column<bool>(type: "INTEGER", nullable: true),
                updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                updated_by = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                version = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_feature_flags", x => new { x.organisation_id, x.name });
            });

        migrationBuilder.CreateTable(
            name: "idempotency_keys",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                user_id = table.Column<Guid>(type: "TEXT", nullable: false),
                route = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                key = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                request_hash = table.Column<byte[]>(type: "BLOB", maxLength: 32, nullable: false),
                resource_id = table.Column<Guid>(type: "TEXT", nullable: false),
                claim_id = table.Column<Guid>(type: "TEXT", nullable: false),
                claimed_until = table.Column<long>(type: "INTEGER", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                status = table.Column<int>(type: "INTEGER", nullable: true),
                content_type = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                location = table.Column<string>(type: "TEXT", maxLength: 400, nullable: true),
                e_tag = table.Column<string>(type: "TEXT", maxLength: 100, nullable: true),
                body = table.Column<byte[]>(type: "BLOB", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_idempotency_keys", x => new { x.organisation_id, x.user_id, x.route, x.key });
            });

        migrationBuilder.CreateTable(
            name: "login_failures",
            columns: table => new
            {
                id = table.Column<byte[]>(type: "BLOB", maxLength: 32, nullable: false),
                failures = table.Column<int>(type: "INTEGER", nullable: false),
                last_at = table.Column<long>(type: "INTEGER", nullable: false),
                forgotten_after = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_login_failures", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "mail_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                subject_id = table.Column<Guid>(type: "TEXT", nullable: false),
                purpose = table.Column<int>(type: "INTEGER", nullable: false),
                hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                ended_at = table.Column<long>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_mail_tokens", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "mails",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                to = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                subject = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                text = table.Column<string>(type: "TEXT", nullable: true),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                next_try_at = table.Column<long>(type: "INTEGER", nullable: true),
                tries = table.Column<int>(type: "INTEGER", nullable: false),
                sent_at = table.Column<long>(type: "INTEGER", nullable: true),
                given_up_at = table.Column<long>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_mails", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "organisations",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                name = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                administration_revision = table.Column<long>(type: "INTEGER", nullable: false),
                default_assistant_id = table.Column<Guid>(type: "TEXT", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_organisations", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "provider_breaker_changes",
            columns: table => new
            {
                id = table.Column<long>(type: "INTEGER", nullable: false)
                    .Annotation("Sqlite:Autoincrement", true),
                at = table.Column<long>(type: "INTEGER", nullable: false),
                provider = table.Column<string>(type: "TEXT", maxLength: 60, nullable: false),
                model = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                from = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                to = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                cause = table.Column<string>(type: "TEXT", maxLength: 500, nullable: false),
                by = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_provider_breaker_changes", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "provider_breakers",
            columns: table => new
            {
                provider = table.Column<string>(type: "TEXT", maxLength: 60, nullable: false),
                model = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                state = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                failures = table.Column<int>(type: "INTEGER", nullable: false),
                successes = table.Column<int>(type: "INTEGER", nullable: false),
                changed_at = table.Column<long>(type: "INTEGER", nullable: true),
                probe_at = table.Column<long>(type: "INTEGER", nullable: true),
                recent = table.Column<string>(type: "TEXT", maxLength: 1000, nullable: false),
                last_error = table.Column<string>(type: "TEXT", maxLength: 500, nullable: true),
                last_error_at = table.Column<long>(type: "INTEGER", nullable: true),
                last_probe = table.Column<string>(type: "TEXT", nullable: true),
                version = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_provider_breakers", x => new { x.provider, x.model });
            });

        migrationBuilder.CreateTable(
            name: "rehearsals",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                script = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                provider = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                telephony_provider = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                assistant_id = table.Column<Guid>(type: "TEXT", nullable: true),
                assistant_version = table.Column<int>(type: "INTEGER", nullable: true),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                status = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                session_id = table.Column<Guid>(type: "TEXT", nullable: true),
                finished_at = table.Column<long>(type: "INTEGER", nullable: true),
                failure = table.Column<string>(type: "TEXT", nullable: true),
                report = table.Column<string>(type: "TEXT", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_rehearsals", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "revoked_tokens",
            columns: table => new
            {
                jti = table.Column<Guid>(type: "TEXT", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_revoked_tokens", x => x.jti);
            });

        migrationBuilder.CreateTable(
            name: "sessions",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                state = table.Column<string>(type: "TEXT", nullable: false),
                provider = table.Column<string>(type: "TEXT", nullable: false),
                strategy = table.Column<string>(type: "TEXT", nullable: false),
                telephony_provider = table.Column<string>(type: "TEXT", nullable: false),
                phone_number = table.Column<string>(type: "TEXT", nullable: true),
                metadata = table.Column<string>(type: "TEXT", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                started_at = table.Column<long>(type: "INTEGER", nullable: true),
                ended_at = table.Column<long>(type: "INTEGER", nullable: true),
                end_reason = table.Column<string>(type: "TEXT", nullable: true),
                end_detail = table.Column<string>(type: "TEXT", nullable: true),
                last_seq = table.Column<long>(type: "INTEGER", nullable: false),
                version = table.Column<long>(type: "INTEGER", nullable: false),
                epoch = table.Column<long>(type: "INTEGER", nullable: false),
                owner_facts = table.Column<long>(type: "INTEGER", nullable: false),
                media = table.Column<int>(type: "INTEGER", nullable: false),
                request_id = table.Column<string>(type: "TEXT", nullable: true),
                trace_parent = table.Column<string>(type: "TEXT", nullable: true),
                node = table.Column<string>(type: "TEXT", nullable: true),
                interrupted_at = table.Column<long>(type: "INTEGER", nullable: true),
                interrupted_by = table.Column<string>(type: "TEXT", nullable: true),
                microphone_user = table.Column<string>(type: "TEXT", nullable: true),
                microphone_client = table.Column<string>(type: "TEXT", nullable: true),
                microphone_since = table.Column<long>(type: "INTEGER", nullable: true),
                requests = table.Column<string>(type: "TEXT", nullable: false),
                failover_enabled = table.Column<bool>(type: "INTEGER", nullable: true),
                failover_order = table.Column<string>(type: "TEXT", nullable: true),
                failover_stall_seconds = table.Column<int>(type: "INTEGER", nullable: true),
                usage = table.Column<string>(type: "TEXT", nullable: false),
                cost_cap = table.Column<decimal>(type: "TEXT", nullable: true),
                assistant_id = table.Column<Guid>(type: "TEXT", nullable: true),
                assistant_version = table.Column<int>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_sessions", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "signing_keys",
            columns: table => new
            {
                kid = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                sealed_key = table.Column<byte[]>(type: "BLOB", nullable: false),
                signs_from = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_signing_keys", x => x.kid);
            });

        migrationBuilder.CreateTable(
            name: "spent_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_spent_tokens", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "cluster_members",
            columns: table => new
            {
                cluster_id = table.Column<string>(type: "TEXT", nullable: false),
                life = table.Column<string>(type: "TEXT", nullable: false),
                status = table.Column<int>(type: "INTEGER", nullable: false),
                changed_in = table.Column<int>(type: "INTEGER", nullable: false),
                name = table.Column<string>(type: "TEXT", nullable: false),
                host = table.Column<string>(type: "TEXT", nullable: false),
                gateway_port = table.Column<int>(type: "INTEGER", nullable: false),
                suspicions = table.Column<string>(type: "TEXT", nullable: false),
                started_at = table.Column<long>(type: "INTEGER", nullable: false),
                alive_at = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_cluster_members", x => new { x.cluster_id, x.life });
                table.ForeignKey(
                    name: "FK_cluster_members_cluster_views_cluster_id",
                    column: x => x.cluster_id,
                    principalTable: "cluster_views",
                    principalColumn: "cluster_id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "assistants",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                name = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false),
                version = table.Column<int>(type: "INTEGER", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                updated_by = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                archived_at = table.Column<long>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_assistants", x => x.id);
                table.ForeignKey(
                    name: "FK_assistants_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "users",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                email = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                name = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                role = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                password_hash = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                email_verified_at = table.Column<long>(type: "INTEGER", nullable: true),
                deactivated_at = table.Column<long>(type: "INTEGER", nullable: true),
                last_signed_in_at = table.Column<long>(type: "INTEGER", nullable: true),
                updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                version = table.Column<long>(type: "INTEGER", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_users", x => x.id);
                table.ForeignKey(
                    name: "FK_users_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
            });

        migrationBuilder.CreateTable(
            name: "session_events",
            columns: table => new
            {
                session_id = table.Column<Guid>(type: "TEXT", nullable: false),
                seq = table.Column<long>(type: "INTEGER", nullable: false),
                epoch = table.Column<long>(type: "INTEGER", nullable: false),
                kind = table.Column<string>(type: "TEXT", nullable: false),
                at = table.Column<long>(type: "INTEGER", nullable: false),
                payload = table.Column<string>(type: "TEXT", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_session_events", x => new { x.session_id, x.seq });
                table.ForeignKey(
                    name: "FK_session_events_sessions_session_id",
                    column: x => x.session_id,
                    principalTable: "sessions",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "assistant_versions",
            columns: table => new
            {
                assistant_id = table.Column<Guid>(type: "TEXT", nullable: false),
                number = table.Column<int>(type: "INTEGER", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                content = table.Column<string>(type: "TEXT", nullable: false),
                at = table.Column<long>(type: "INTEGER", nullable: false),
                by = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                note = table.Column<string>(type: "TEXT", maxLength: 500, nullable: true),
                restored_from = table.Column<int>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_assistant_versions", x => new { x.assistant_id, x.number });
                table.ForeignKey(
                    name: "FK_assistant_versions_assistants_assistant_id",
                    column: x => x.assistant_id,
                    principalTable: "assistants",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "invitations",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                email = table.Column<string>(type: "TEXT", maxLength: 254, nullable: false),
                role = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                invited_by_id = table.Column<Guid>(type: "TEXT", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                accepted_at = table.Column<long>(type: "INTEGER", nullable: true),
                withdrawn_at = table.Column<long>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_invitations", x => x.id);
                table.ForeignKey(
                    name: "FK_invitations_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
                table.ForeignKey(
                    name: "FK_invitations_users_invited_by_id",
                    column: x => x.invited_by_id,
                    principalTable: "users",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
            });

        migrationBuilder.CreateTable(
            name: "sign_ins",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                organisation_id = table.Column<Guid>(type: "TEXT", nullable: false),
                user_id = table.Column<Guid>(type: "TEXT", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                last_used_at = table.Column<long>(type: "INTEGER", nullable: false),
                address = table.Column<string>(type: "TEXT", maxLength: 60, nullable: true),
                user_agent = table.Column<string>(type: "TEXT", maxLength: 300, nullable: true),
                ended_at = table.Column<long>(type: "INTEGER", nullable: true),
                end_reason = table.Column<string>(type: "TEXT", maxLength: 30, nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_sign_ins", x => x.id);
                table.ForeignKey(
                    name: "FK_sign_ins_users_user_id",
                    column: x => x.user_id,
                    principalTable: "users",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "refresh_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "TEXT", nullable: false),
                sign_in_id = table.Column<Guid>(type: "TEXT", nullable: false),
                hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                successor_seed = table.Column<byte[]>(type: "BLOB", nullable: false),
                created_at = table.Column<long>(type: "INTEGER", nullable: false),
                expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                used_at = table.Column<long>(type: "INTEGER", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_refresh_tokens", x => x.id);
                table.ForeignKey(
                    name: "FK_refresh_tokens_sign_ins_sign_in_id",
                    column: x => x.sign_in_id,
                    principalTable: "sign_ins",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateIndex(
            name: "IX_assistants_organisation_id_id",
            table: "assistants",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_assistants_organisation_id_updated_at_id",
            table: "assistants",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_audit_entries_organisation_id_at",
            table: "audit_entries",
            columns: new[] { "organisation_id", "at" });

        migrationBuilder.CreateIndex(
            name: "IX_carrier_calls_session_id",
            table: "carrier_calls",
            column: "session_id");

        migrationBuilder.CreateIndex(
            name: "IX_feature_flags_updated_at",
            table: "feature_flags",
            column: "updated_at");

        migrationBuilder.CreateIndex(
            name: "IX_idempotency_keys_expires_at",
            table: "idempotency_keys",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_invitations_invited_by_id",
            table: "invitations",
            column: "invited_by_id");

        migrationBuilder.CreateIndex(
            name: "IX_invitations_organisation_id_email",
            table: "invitations",
            columns: new[] { "organisation_id", "email" });

        migrationBuilder.CreateIndex(
            name: "IX_mail_tokens_hash",
            table: "mail_tokens",
            column: "hash",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_mail_tokens_subject_id_purpose",
            table: "mail_tokens",
            columns: new[] { "subject_id", "purpose" });

        migrationBuilder.CreateIndex(
            name: "IX_mails_created_at",
            table: "mails",
            column: "created_at");

        migrationBuilder.CreateIndex(
            name: "IX_mails_next_try_at",
            table: "mails",
            column: "next_try_at");

        migrationBuilder.CreateIndex(
            name: "IX_provider_breaker_changes_at",
            table: "provider_breaker_changes",
            column: "at");

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_expires_at",
            table: "refresh_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_hash",
            table: "refresh_tokens",
            column: "hash",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_sign_in_id",
            table: "refresh_tokens",
            column: "sign_in_id");

        migrationBuilder.CreateIndex(
            name: "IX_rehearsals_organisation_id_id",
            table: "rehearsals",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_rehearsals_organisation_id_updated_at_id",
            table: "rehearsals",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_revoked_tokens_expires_at",
            table: "revoked_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_sessions_microphone_user",
            table: "sessions",
            column: "microphone_user",
            filter: "microphone_user IS NOT NULL");

        migrationBuilder.CreateIndex(
            name: "IX_sessions_organisation_id_id",
            table: "sessions",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_sessions_organisation_id_updated_at_id",
            table: "sessions",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_sessions_state",
            table: "sessions",
            column: "state");

        migrationBuilder.CreateIndex(
            name: "IX_sign_ins_last_used_at",
            table: "sign_ins",
            column: "last_used_at");

        migrationBuilder.CreateIndex(
            name: "IX_sign_ins_user_id",
            table: "sign_ins",
            column: "user_id");

        migrationBuilder.CreateIndex(
            name: "IX_signing_keys_signs_from",
            table: "signing_keys",
            column: "signs_from",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_spent_tokens_expires_at",
            table: "spent_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_users_email",
            table: "users",
            column: "email",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_users_organisation_id",
            table: "users",
            column: "organisation_id");
    }

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.DropTable(
            name: "assistant_versions");

        migrationBuilder.DropTable(
            name: "audit_entries");

        migrationBuilder.DropTable(
            name: "audit_heads");

        migrationBuilder.DropTable(
            name: "carrier_calls");

        migrationBuilder.DropTable(
            name: "cluster_members");

        migrationBuilder.DropTable(
            name: "feature_flags");

        migrationBuilder.DropTable(
            name: "idempotency_keys");

        migrationBuilder.DropTable(
            name: "invitations");

        migrationBuilder.DropTable(
            name: "login_failures");

        migrationBuilder.DropTable(
            name: "mail_tokens");

        migrationBuilder.DropTable(
            name: "mails");

        migrationBuilder.DropTable(
            name: "provider_breaker_changes");

        migrationBuilder.DropTable(
            name: "provider_breakers");

        migrationBuilder.DropTable(
            name: "refresh_tokens");

        migrationBuilder.DropTable(
            name: "rehearsals");

        migrationBuilder.DropTable(
            name: "revoked_tokens");

        migrationBuilder.DropTable(
            name: "session_events");

        migrationBuilder.DropTable(
            name: "signing_keys");

        migrationBuilder.DropTable(
            name: "spent_tokens");

        migrationBuilder.DropTable(
            name: "assistants");

        migrationBuilder.DropTable(
            name: "cluster_views");

        migrationBuilder.DropTable(
            name: "sign_ins");

        migrationBuilder.DropTable(
            name: "sessions");

        migrationBuilder.DropTable(
            name: "users");

        migrationBuilder.DropTable(
            name: "organisations");
    }
}
